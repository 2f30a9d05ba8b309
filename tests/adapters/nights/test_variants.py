"""Variants of a set through the sandbox: asked once, kept in the set alone, shown apart in a comparison."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from sandbox.serve import Sandbox
from tasks import adapters
from tasks.base.errors import OverBudget, WrongUsage
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.compare_candidates import compare_candidates
from tasks.evaluate.runs.run_candidates import run_candidates
from tasks.evaluate.sets.add_set import add_set
from tasks.evaluate.sets.versions import read_version
from tasks.evaluate.variants.make_variants import MadeVariants, describe_variants, make_variants
from tasks.evaluate.variants.recipes import Kind

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
NOVA = "amazon.nova-lite-v1:0"
#: Two violations and two others; the file has six of each, and the stand-in finds "bad".
TEXTS = (
    ("悪い店、bad shop, 消えろ", True, "harassment"),
    ("the bad driver is a worthless idiot", True, "harassment"),
    ("とても良い商品でした", False, "none"),
    ("the box arrived on time and intact", False, "none"),
)


@pytest.fixture
def settings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """A site with a set of 24 comments."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    rows = [
        {"text": f"{text} {number * 7919:x}", "violation": violation, "category": category}
        for number in range(6)
        for text, violation, category in TEXTS
    ]
    file = tmp_path / "set.jsonl"
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    add_set(settings, "varied", [file], NOW)
    return settings


def make(settings: Settings, model: str = NOVA, budget: float = 5.0) -> MadeVariants:
    kinds = [Kind.MASKED, Kind.SARCASM]
    return make_variants(settings, "varied", "varied", model, kinds, 8, budget, "run-v", lambda: NOW)


def test_variants_are_made_once_and_shown_apart(settings: Settings, sandbox: Sandbox) -> None:
    """Another maker's model writes them; the next version has them; no figure of production does."""
    with pytest.raises(WrongUsage, match="name another maker's"):
        make(settings, "global.anthropic.claude-sonnet-4-6")
    with pytest.raises(OverBudget, match="nothing was asked"):
        make(settings, budget=0.000001)
    made = make(settings)
    assert made.added is not None
    assert made.added.version == 2
    assert made.wanted_count == 16
    assert sum(made.counts.values()) + made.refused_count + made.unchanged_count == 16
    assert any("masked" in line for line in describe_variants(made))
    paths, storage = EvaluationPaths(settings, NOW.date(), "varied"), adapters.connect(settings).storage
    items = read_version(storage, paths, 2)[1]
    ours = items.filter(source="model")
    assert ours.height == sum(made.counts.values())
    assert items.group_by("cluster").agg(pl.col("split").n_unique())["split"].max() == 1
    again = make(settings, budget=0.000001)
    assert (again.added, again.counts) == (None, {})
    texts = ours["text"].to_list()
    kept = [
        name
        for bucket in ("moderation-output", "moderation-batch")
        for page in sandbox.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for name in (item["Key"] for item in page.get("Contents", ()))
        if "evaluation/sets/" not in name
        and any(text.encode() in sandbox.s3.get_object(Bucket=bucket, Key=name)["Body"].read() for text in texts)
    ]
    assert not kept
    run_candidates(settings, "varied", ["prompt=v1", f"model={NOVA}"], "all", 5.0, "run-1", lambda: NOW)
    found = compare_candidates(settings, "varied", "prompt=v1", f"model={NOVA}", "all", NOW)
    assert (found.n, found.variants) == (24, ours.height)
    assert {one.slice for one in found.differences if one.slice.startswith("variant=")} == {
        "variant=masked",
        "variant=sarcasm",
    }

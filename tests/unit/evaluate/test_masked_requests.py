"""What an evaluation asks where texts are masked."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data_contracts.tables.evaluation_sets import EXPERIMENTS
from tasks.evaluate.runs.candidates import read_candidate
from tasks.evaluate.runs.experiments import answers_of
from tasks.evaluate.runs.requests import record_id, want, with_hashes
from tests import factories


def test_a_masked_evaluation_asks_no_telephone_number(tmp_path: Path) -> None:
    """And asks again what was asked with the number in it: the answers are kept apart."""
    texts = ["番号は090-1234-5678", "ok"]
    items = with_hashes(pl.DataFrame({"item_id": ["a", "b"], "text": texts, "language": "ja"}))
    settings = factories.settings(tmp_path, count_tokens=False)
    plain, masked = (read_candidate(settings.model_copy(update={"mask": mask}), "prompt=v1") for mask in (False, True))
    nothing = EXPERIMENTS.empty()
    outside = factories.local_adapters()
    as_written, as_masked = (
        want(outside, settings, "set", items, candidate, answers_of(nothing.lazy(), candidate)).records
        for candidate in (plain, masked)
    )
    assert sorted(as_written["text"]) == sorted(texts)
    assert sorted(as_masked["text"]) == sorted(["番号は[PHONE]", "ok"])
    assert set(as_written["text_sha256"]) == set(as_masked["text_sha256"])
    assert set(as_written["record_id"]).isdisjoint(as_masked["record_id"])
    assert record_id("set", "0" * 64, plain) == record_id("set", "0" * 64, plain._replace(masking=None))

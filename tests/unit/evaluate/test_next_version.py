"""The next version of a set: who is like whom keeps together, over versions too."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tasks import adapters
from tasks.base.errors import BadRows
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.sets.next_version import ADDED_SCHEMA, write_next
from tasks.evaluate.sets.versions import read_version
from tests.measured_nights import DAY, settings_in

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return settings_in(tmp_path)


def items(*texts: str, **more: object) -> pl.DataFrame:
    row: dict[str, object] = dict.fromkeys(ADDED_SCHEMA)
    row |= {"language": "en", "violation": False, "category": "none", "source": "human", "weight": 1.0}
    row |= {"added_at": NOW, "prompt_sha256": "0", **more}
    return pl.DataFrame([row | {"item_id": text[:24], "text": text} for text in texts], schema=ADDED_SCHEMA)


def read(settings: Settings) -> pl.DataFrame:
    return read_version(adapters.connect(settings).storage, EvaluationPaths(settings, DAY, "reviews"))[1]


def test_a_text_like_a_known_one_joins_its_cluster_and_split(settings: Settings) -> None:
    """What a later night brings of a repeated text must not go to another split than the first of them."""
    spam = [
        f"{number}: {word * 12} buy cheap watches at my shop, write to me today" for number, word in enumerate("xyz")
    ]
    write_next(
        settings,
        "reviews",
        items(*(f"{word * 20} {word * 9} number {word}" for word in "abcdefghij"), spam[0]),
        NOW,
        [],
    )
    before = read(settings)
    write_next(settings, "reviews", items("9" + spam[0][1:]), NOW, [])
    after = read(settings).filter(pl.col("text").str.contains("cheap watches"))
    assert after.height == 2
    assert after["cluster"].n_unique() == after["split"].n_unique() == 1
    assert after["cluster"][0] in set(before["cluster"])


def test_a_replaced_item_keeps_its_split(settings: Settings) -> None:
    """Its label is the new one; where it is used stays, whatever else is in the file."""
    texts = [f"{word * 20} {word * 9} number {word}" for word in "abcdefghij"]
    write_next(settings, "reviews", items(*texts), NOW, [])
    before = dict(read(settings).select("item_id", "split").rows())
    for text in texts[:3]:
        done = write_next(settings, "reviews", items(text, violation=True, category="spam"), NOW, [])
        assert (done.added_count, done.replaced_count) == (0, 1)
    after = read(settings)
    assert dict(after.select("item_id", "split").rows()) == before
    assert after["violation"].sum() == 3


def test_an_item_is_there_once(settings: Settings) -> None:
    """The same id twice: nothing is written."""
    with pytest.raises(BadRows, match="more than once"):
        write_next(settings, "reviews", pl.concat([items("one"), items("one")]), NOW, [])

"""Which comments are judged as another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks import adapters
from tasks.base.paths import RunPaths
from tasks.intake.deduplicate import deduplicate
from tasks.intake.repeats import find_duplicates
from tests import factories

VALID = factories.valid({"text": "同じ"}, {"text": "別"}, {"text": "同じ"})
IDS = VALID["record_id"]


def test_equal_texts_are_judged_as_the_first_of_them() -> None:
    """A comment whose normalised text another one has is judged as the lowest of its kind."""
    assert_frame_equal(find_duplicates(VALID.lazy()), factories.duplicates((IDS[2], IDS[0])))


@pytest.mark.parametrize(("is_on", "count"), [pytest.param(True, 1, id="on"), pytest.param(False, 0, id="off")])
def test_a_setting_turns_it_off(is_on: bool, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without deduplication every comment is judged for itself; the frame is written all the same."""
    outside = factories.local_adapters()
    monkeypatch.setattr(adapters, "connect", lambda _: outside)
    settings, plan = factories.settings(tmp_path, deduplicate=is_on), factories.plan()
    paths = RunPaths(settings, plan.run_date, plan.run_id)
    VALID.write_parquet(tmp_path / "valid.parquet")
    outside.storage.send(tmp_path / "valid.parquet", paths.work("valid"))
    assert deduplicate.fn(settings, plan).duplicate_count == count
    written: dict[str, Any] = pl.read_parquet(paths.work("duplicates")).to_dict(as_series=False)
    assert written == {"record_id": [IDS[2]] * count, "judged_as": [IDS[0]] * count}

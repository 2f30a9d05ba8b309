"""A table of many small commits is made small again, and nobody loses a row or a version by it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.lake import Lake
from tasks.adapters.lake_upkeep import measure_table, tidy_table
from tasks.adapters.storage import Storage
from tests.small_lake import DAY, NOTE, THINGS, things


@pytest.fixture
def shore(monkeypatch: pytest.MonkeyPatch) -> tuple[Lake, Storage]:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    aws = shared(AwsEnvironment())
    return Lake(aws), Storage(aws)


def test_a_tidied_table_has_the_same_rows_and_the_same_past(shore: tuple[Lake, Storage], tmp_path: Path) -> None:
    """One file a day but for the youngest days, two checkpoints; every row and every earlier version is still read."""
    (lake, storage), uri = shore, str(tmp_path / "things")
    days = [DAY + timedelta(days=number) for number in range(6)]
    for number in range(36):
        lake.append(uri, THINGS, things(days[number // 6], f"t{number:02d}"), NOTE)
    before, rows = measure_table(lake, storage, uri), lake.scan(uri, THINGS).collect()
    tidy_table(lake, storage, uri, days[5])
    after = measure_table(lake, storage, uri)
    assert (before.file_count, after.file_count) == (36, 5 + 6)
    assert len([item for item in storage.list(f"{uri}/_delta_log") if ".checkpoint." in item.uri]) == 2
    assert_frame_equal(lake.scan(uri, THINGS).collect(), rows, check_row_order=False)
    for version in (3, 17, 29):
        assert lake.scan_at(uri, THINGS, version).select(pl.len()).collect().item() == version
    assert len(lake.commits(uri)) == 38, "the table's own, thirty-six appends, the compaction"


def test_a_tidied_table_is_written_on(shore: tuple[Lake, Storage], tmp_path: Path) -> None:
    """A night appends after it as before; tidying again, and tidying what is not there, is harmless."""
    (lake, storage), uri = shore, str(tmp_path / "things")
    tidy_table(lake, storage, uri, date(2027, 1, 1))
    for number in range(3):
        lake.append(uri, THINGS, things(DAY, f"t{number}"), NOTE)
    for _ in range(2):
        tidy_table(lake, storage, uri, date(2027, 1, 1))
    lake.append(uri, THINGS, things(DAY, "t3"), NOTE)
    assert sorted(lake.scan(uri, THINGS).collect()["id"]) == ["t0", "t1", "t2", "t3"]
    assert measure_table(lake, storage, uri).file_count == 2

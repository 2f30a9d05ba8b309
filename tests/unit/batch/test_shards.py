"""How the records of a night are cut into shards and written."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.documents.ledger import EstimateSource
from data_contracts.tables.verdicts import REQUESTS
from tasks.base.errors import SettingsInvalid, Unbalanced
from tasks.batch import shards as module
from tasks.batch.estimate.rates import Line, Rates
from tasks.batch.shards import Cut, plan_shards, write_shards
from tasks.batch.wanted_records import WANTED
from tasks.llm.families.claude import Claude
from tasks.llm.request_line import RequestTemplate
from tests import factories

TEMPLATE = RequestTemplate(Claude(), factories.prompt())
#: A record of 20 bytes reads 17 tokens.
RATES = Rates(EstimateSource.COUNT_TOKENS, {"ja": Line(7.0, 0.5)}, 0.0, 50.0)


def shards(line_bytes: Sequence[int], max_records: int, max_bytes: int, min_records: int) -> list[int]:
    cuts = plan_shards(np.array(line_bytes, dtype=np.int64), max_records, max_bytes, min_records)
    return [cut.record_count for cut in cuts]


@pytest.mark.parametrize(
    ("record_count", "max_records", "max_bytes", "min_records", "expected"),
    [
        pytest.param(0, 100, 1_000, 10, [], id="nothing"),
        pytest.param(5, 100, 1_000, 10, [5], id="whole-night-under-the-minimum"),
        pytest.param(10, 100, 1_000, 10, [10], id="at-the-minimum"),
        pytest.param(100, 100, 1_000, 10, [100], id="exactly-one"),
        pytest.param(101, 100, 2_000, 10, [50, 51], id="one-too-many-is-no-shard-of-one"),
        pytest.param(250, 100, 1_000, 10, [83, 83, 84], id="even"),
        pytest.param(100, 100, 999, 10, [50, 50], id="cut-by-bytes"),
        pytest.param(20, 10, 1_000, 10, [10, 10], id="both-borders-at-once"),
    ],
)
def test_shards_are_even(
    record_count: int, max_records: int, max_bytes: int, min_records: int, expected: list[int]
) -> None:
    """Lines of ten bytes each: as few shards as the quotas allow, all about the same size."""
    assert shards([10] * record_count, max_records, max_bytes, min_records) == expected


@pytest.mark.parametrize(
    ("line_bytes", "max_records", "max_bytes", "min_records"),
    [
        pytest.param([10] * 15, 10, 1_000, 10, id="two-shards-needed-and-one-possible"),
        pytest.param([10] * 20, 100, 99, 10, id="minimum-too-many-bytes"),
        pytest.param([1, 1, 1_000], 100, 999, 1, id="line-over-the-bytes"),
    ],
)
def test_quotas_that_cannot_be_kept_are_named(
    line_bytes: list[int], max_records: int, max_bytes: int, min_records: int
) -> None:
    """Settings that leave no way to cut are wrong, and all three are named."""
    with pytest.raises(SettingsInvalid, match=r"MAX_SHARD_BYTES=.*MAX_SHARD_RECORDS=.*MIN_JOB_RECORDS="):
        shards(line_bytes, max_records, max_bytes, min_records)


@given(
    st.lists(st.integers(1, 1_000), max_size=300), st.integers(1, 120), st.integers(1_000, 50_000), st.integers(1, 60)
)
def test_shards_hold_every_record_within_every_bound(
    line_bytes: list[int], max_records: int, max_bytes: int, min_records: int
) -> None:
    """Every record is in a shard; none is over the records or the bytes, and none under the minimum but a lone one."""
    try:
        counts = shards(line_bytes, max_records, max_bytes, min_records)
    except SettingsInvalid:
        return
    assert sum(counts) == len(line_bytes)
    assert all(count <= max_records for count in counts)
    assert all(count >= min(min_records, len(line_bytes)) for count in counts)
    ends = [0, *itertools.accumulate(counts)]
    assert all(sum(line_bytes[start:end]) <= max_bytes for start, end in itertools.pairwise(ends))


@given(st.integers(1, 5_000), st.integers(2, 500))
def test_records_alone_can_always_be_cut(record_count: int, max_records: int) -> None:
    """A maximum of at least twice the minimum leaves a way to cut any number of records."""
    assert sum(shards([1] * record_count, max_records, 10**9, max_records // 2)) == record_count


def stored(records: pl.LazyFrame, folder: Path) -> Path:
    """The records as the Parquet file that shards are written from."""
    path = folder / "records.parquet"
    records.sink_parquet(path)
    return path


def record_frame(count: int) -> pl.LazyFrame:
    frame = pl.DataFrame(
        {
            "record_id": [f"{number:032x}" for number in range(count)],
            "text": [f"コメント {number}" for number in range(count)],
            "text_sha256": [f"t{number}" for number in range(count)],
            "text_bytes": [20] * count,
            "language": ["ja"] * count,
            "attempt": pl.Series([1] * count, dtype=pl.Int32),
        }
    ).lazy()
    return WANTED.conform(WANTED.widen(frame))


@pytest.mark.parametrize("batch_rows", [pytest.param(2, id="batches-smaller-than-shards"), pytest.param(100, id="one")])
def test_shards_hold_the_records_in_order(batch_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file has its count of lines in order, with hash, size, tokens and what was asked."""
    monkeypatch.setattr(module, "_BATCH_ROWS", batch_rows)
    written = [
        (shard, shard.path.read_bytes())
        for shard in write_shards(stored(record_frame(7), tmp_path), [Cut(3), Cut(4)], TEMPLATE, RATES, tmp_path)
    ]
    lines = [body.splitlines() for _, body in written]
    assert [len(part) for part in lines] == [3, 4]
    assert [json.loads(line)["recordId"] for part in lines for line in part] == [f"{n:032x}" for n in range(7)]
    for shard, body in written:
        assert (shard.sha256, shard.size_bytes) == (hashlib.sha256(body).hexdigest(), len(body))
        assert shard.input_tokens == 17 * shard.requests.height
        assert shard.requests.schema == REQUESTS.polars_schema
    assert [sha for shard, _ in written for sha in shard.requests["text_sha256"]] == [f"t{n}" for n in range(7)]


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    """Rendering is deterministic: after a crash the same shards are recognised by their hash."""
    first, again = (
        [
            shard.sha256
            for shard in write_shards(stored(record_frame(6), tmp_path), [Cut(3), Cut(3)], TEMPLATE, RATES, tmp_path)
        ]
        for _ in range(2)
    )
    assert first == again
    assert len(set(first)) == 2


def test_records_that_vanish_while_shards_are_written_stop_the_night(tmp_path: Path) -> None:
    """Fewer records than were counted is a defect of ours, not a short shard."""
    with pytest.raises(Unbalanced, match="fewer than they were counted"):
        list(write_shards(stored(record_frame(5), tmp_path), [Cut(3), Cut(3)], TEMPLATE, RATES, tmp_path))

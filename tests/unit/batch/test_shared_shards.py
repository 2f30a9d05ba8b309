"""Shards that others write are those that this process would."""

from __future__ import annotations

import pickle
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.documents.ledger import EstimateSource
from tasks import adapters
from tasks.base.settings import Settings
from tasks.batch import shared_shards as module
from tasks.batch.estimate.rates import Line, Rates
from tasks.batch.send_shards import send_shards
from tasks.batch.shards import Cut, EntryMaker
from tasks.batch.shared_shards import ShardPart, copy_rows, share_shards
from tasks.batch.wanted_records import WANTED
from tasks.ledger.prices import Price
from tasks.ledger.run import Run
from tasks.llm.families.claude import Claude
from tasks.llm.request_line import RequestTemplate
from tests import factories

RATES = Rates(EstimateSource.COUNT_TOKENS, {"ja": Line(7.0, 0.5)}, 0.0, 50.0)
SECRET = "json://user:hunter2@example.org/"


@pytest.mark.parametrize(("first", "count"), [(0, 10), (0, 1), (3, 4), (2, 2), (9, 1), (4, 0)])
def test_the_rows_of_a_part_are_its_own(first: int, count: int, tmp_path: Path) -> None:
    """Whichever row groups they lie in."""
    rows = pl.DataFrame({"number": range(10)})
    rows.write_parquet(tmp_path / "all.parquet", row_group_size=3)
    with (tmp_path / "all.parquet").open("rb") as file:
        copy_rows(file, first, count, tmp_path / "own.parquet")
    assert_frame_equal(pl.read_parquet(tmp_path / "own.parquet"), rows.slice(first, count))


def records(numbers: range, golden: str | None = None) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "record_id": [f"{number:032x}" for number in numbers],
            "text": [f"コメント {number}" for number in numbers],
            "text_sha256": [f"t{number}" for number in numbers],
            "text_bytes": [20] * len(numbers),
            "language": ["ja"] * len(numbers),
            "attempt": pl.Series([1] * len(numbers), dtype=pl.Int32),
            "golden_item_id": pl.Series([golden] * len(numbers), dtype=pl.String),
        }
    ).lazy()
    return WANTED.conform(WANTED.widen(frame)).collect()


def test_shared_shards_are_the_same_and_carry_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same intents, input files and requests, golden items included; what travels has no alert URL in it."""
    settings: Settings = factories.settings(tmp_path, alert_urls=SECRET)
    monkeypatch.setattr(adapters, "connect", lambda _: factories.local_adapters())
    plan = factories.plan()
    run, template = Run.of(settings, plan), RequestTemplate(Claude(), factories.prompt())
    maker = EntryMaker(settings, plan, run.paths, RATES, "batch", Price(1, 1), factories.NOW)
    path, cuts, golden = tmp_path / "records.parquet", [Cut(4, 1), Cut(3, 2)], records(range(90, 93), "g1")
    records(range(7)).write_parquet(path, row_group_size=2)
    travelled: list[ShardPart] = []
    work = module.write_part

    def seen(part: ShardPart) -> object:
        travelled.append(part)
        return work(pickle.loads(pickle.dumps(part)))  # noqa: S301 (our own)

    monkeypatch.setattr(module, "write_part", seen)
    here = send_shards(run, maker, template, path, golden, cuts, 5, tmp_path)
    files = [run.storage.get(uri) for entry in here for uri in (entry.input_uri, entry.requests_uri)]
    run.storage.delete([uri for entry in here for uri in (entry.input_uri, entry.requests_uri)])
    there = share_shards(run, maker, template, path, golden, cuts, 5, tmp_path)
    assert there == here
    assert [run.storage.get(uri) for entry in there for uri in (entry.input_uri, entry.requests_uri)] == files
    assert [entry.golden and entry.golden.record_count for entry in there] == [1, 2]
    assert b"hunter2" not in pickle.dumps(travelled)

"""Golden items among the records: which are asked, where they lie in the shards, what they may cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data_contracts.documents.ledger import EstimateSource, record_id, step_record_id
from data_contracts.tables.verdicts import REQUESTS
from prompts.golden import GoldenItem, GoldenPack
from tasks.base.errors import OverBudget, SettingsInvalid
from tasks.batch.estimate.rates import Rates
from tasks.batch.golden import golden_records, golden_to_ask
from tasks.batch.shards import Cut, plan_shards
from tasks.batch.wanted_records import Choice, choose
from tasks.ledger.entries import fetch_requests
from tasks.ledger.prices import Price
from tests import factories

PACK = GoldenPack(
    items=tuple(
        GoldenItem(
            item_id=f"g-{number}",
            text=f"ＧＯＬＤ  {number}",
            language="ja",
            violation=False,
            category="none",
            is_attack=False,
        )
        for number in range(3)
    )
)
RECORDS = golden_records(PACK, factories.RUN_DATE)
#: A record reads 1 token and writes 1.
RATES = Rates(EstimateSource.COUNT_TOKENS, {}, 1.0, 1.0)
#: A token is a millionth of a dollar.
PRICE = Price(10**6, 10**6)


def asked(*rows: factories.Row) -> pl.DataFrame:
    """What came of golden items, and of which are asked now."""
    entries = [
        factories.ledger_entry(key=row["key"], state="submitted" if row["status"] is None else "collected", shard=place)
        for place, row in enumerate(rows)
    ]
    ids = [RECORDS.row(by_predicate=pl.col("golden_item_id") == row["item"], named=True) for row in rows]
    requests = [
        {"record_id": record["record_id"], "text_sha256": record["text_sha256"], "attempt": 1, "key": row["key"]}
        for row, record in zip(rows, ids, strict=True)
    ]
    answers = [
        {"record_id": record["record_id"], "key": row["key"], "status": row["status"]}
        for row, record in zip(rows, ids, strict=True)
        if row["status"]
    ]
    schema = {"record_id": pl.String, "key": pl.String, "status": pl.String}
    return golden_to_ask(
        RECORDS,
        factories.requests(*requests).lazy(),
        pl.LazyFrame(answers, schema=schema),
        entries,
        factories.RUN_ID,
        2,
    )


def test_an_item_is_a_record_of_its_own() -> None:
    """Its id is of the step and the item, and no comment can be called so that it gets the same."""
    assert RECORDS["golden_item_id"].to_list() == ["g-0", "g-1", "g-2"]
    assert RECORDS["record_id"][0] == step_record_id(factories.RUN_DATE, "golden", ("g-0",))
    for comment_id in ("g-0", "golden\x1fg-0", '["2026-11-19", "golden", "g-0"]'):
        assert record_id(factories.RUN_DATE, comment_id) not in set(RECORDS["record_id"])
    assert RECORDS["text_sha256"][1] == factories.sha256("GOLD 1"), "of the normalised text, as a comment's"
    assert RECORDS["text"][1] == "ＧＯＬＤ  1", "what is sent is the text itself"


def test_an_order_of_ids_is_part_of_a_records_id() -> None:
    """Two packs of the same comments in another order are two records, and ids do not run into each other."""
    pairs = [("a", "b"), ("b", "a"), ("ab",), ("a, b",)]
    assert len({step_record_id(factories.RUN_DATE, "pack", pair) for pair in pairs}) == len(pairs)


def test_without_a_pack_there_is_nothing_to_ask() -> None:
    """No rows, and no look at what was asked."""
    assert golden_records(None, factories.RUN_DATE).is_empty()


def test_items_are_asked_by_the_rules_for_comments() -> None:
    """Asked is what no live job holds and what has no verdict or refusal; a failed one is asked once more."""
    found = asked(
        {"item": "g-0", "key": "k1", "status": "judged"},
        {"item": "g-1", "key": "k2", "status": None},
        {"item": "g-2", "key": "k3", "status": "malformed"},
    )
    assert found.select("golden_item_id", "attempt").rows() == [("g-2", 2)]
    assert asked().select("golden_item_id", "attempt").rows() == [("g-0", 1), ("g-1", 1), ("g-2", 1)]
    again = asked(
        {"item": "g-2", "key": "k3", "status": "malformed"}, {"item": "g-2", "key": "k4", "status": "malformed"}
    )
    assert "g-2" not in again["golden_item_id"].to_list()


def test_requests_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """A file without the column of golden items is widened, not refused."""
    path, names = tmp_path / "old.parquet", ["record_id", "text_sha256", "attempt"]
    factories.requests({"record_id": "r1"}).select(names).write_parquet(path)
    entry = factories.ledger_entry(requests_uri=str(path))
    found = fetch_requests(factories.local_adapters().storage, [entry], tmp_path).collect()
    assert found.columns == [*REQUESTS.names, "key"]
    assert found["golden_item_id"].to_list() == [None]


@pytest.mark.parametrize(
    ("records", "golden", "most", "expected"),
    [
        pytest.param(10, 3, 100, [Cut(10, 3)], id="one-shard"),
        pytest.param(10, 3, 13, [Cut(10, 3)], id="just-room"),
        pytest.param(10, 3, 12, [Cut(5, 1), Cut(5, 2)], id="spread"),
        pytest.param(10, 0, 5, [Cut(5), Cut(5)], id="none"),
        pytest.param(0, 3, 100, [], id="never-alone"),
    ],
)
def test_items_are_spread_over_the_shards(records: int, golden: int, most: int, expected: list[Cut]) -> None:
    """They count towards the limit of a shard, not towards its minimum, and make none of their own."""
    sizes = [np.full(count, 10, dtype=np.int64) for count in (records, golden)]
    assert plan_shards(sizes[0], most, 10_000, 5, sizes[1]) == expected


def test_items_take_no_comments_place() -> None:
    """No cut leaves a shard under the minimum of comments for the sake of golden items."""
    sizes = [np.full(count, 10, dtype=np.int64) for count in (10, 3)]
    with pytest.raises(SettingsInvalid, match="MODERATION_MAX_SHARD_RECORDS=6"):
        plan_shards(sizes[0], 6, 10_000, 5, sizes[1])


def chosen(new: int, golden: int, budget: float, *, on_demand: bool = True) -> Choice:
    """What is asked of so many comments and golden items, of 2 millionths of a dollar each."""
    sizes = {"text_bytes": [0], "input_tokens": [1], "attempt": pl.Series([1], dtype=pl.Int32)}
    frames = [
        pl.concat([pl.DataFrame(sizes)] * count) if count else pl.DataFrame(sizes).clear() for count in (new, golden)
    ]
    settings = factories.settings(max_cost_usd=budget / 10**6, min_job_records=10, on_demand=on_demand)
    return choose(
        frames[0], settings, 0.0, RATES, dict.fromkeys(("batch", "on_demand", "canary"), PRICE), golden=frames[1]
    )


@pytest.mark.parametrize(
    ("new", "budget", "has_golden", "tokens"),
    [
        pytest.param(10, 26, True, 13, id="within-the-budget"),
        pytest.param(10, 25, False, 10, id="over-the-budget"),
        pytest.param(9, 100, False, 9, id="on-demand"),
        pytest.param(0, 100, False, 0, id="no-comments"),
    ],
)
def test_items_ride_where_a_job_goes_and_the_budget_allows(
    new: int, budget: float, has_golden: bool, tokens: int
) -> None:
    """They are part of the estimate and of the budget; they are left out before any comment is."""
    choice = chosen(new, 3, budget)
    assert (choice.has_golden, choice.sizes.height, choice.expected.input_tokens) == (has_golden, new, tokens)
    assert choice.expected_of_golden.input_tokens == (3 if has_golden else 0)


def test_the_budget_still_stops_the_comments() -> None:
    """Leaving the golden items out is not enough then."""
    with pytest.raises(OverBudget):
        chosen(10, 3, 19)

"""Nothing is published that does not balance, row by row and token by token."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.documents.balance import Balance
from data_contracts.documents.ledger import LedgerEntry, Usage
from data_contracts.documents.plan import InputObject, Plan
from data_contracts.tables.comments import REJECTED
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.review import REVIEW
from data_contracts.tables.table import Table
from data_contracts.tables.verdicts import VERDICTS
from tasks import adapters
from tasks.base.errors import Unbalanced
from tasks.base.frames import record_batches
from tasks.base.paths import RunPaths
from tasks.verdicts.balance import balance
from tasks.verdicts.publish import check_row_keys, check_verdict_ids, count_review_rows, publish
from tasks.verdicts.review_list import review_list
from tests import factories

A, B = factories.input_object(uri="a", row_count=3), factories.input_object(uri="b", row_count=1)


def keys(*rows: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"source_object": pl.String, "source_row": pl.Int64}, orient="row")


def pieces(*frames: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The frames two rows at a time, as they are read."""
    for frame in frames:
        yield from frame.iter_slices(2)


@pytest.mark.parametrize(
    ("valid", "rejected"),
    [
        pytest.param([("a", 0), ("a", 1), ("a", 2), ("b", 0)], [], id="all-valid"),
        pytest.param([], [("b", 0), ("a", 2), ("a", 0), ("a", 1)], id="all-rejected-in-any-order"),
        pytest.param([("a", 1)], [("a", 0), ("b", 0), ("a", 2)], id="some-of-each"),
    ],
)
def test_every_row_in_one_place_balances(valid: list[tuple[str, int]], rejected: list[tuple[str, int]]) -> None:
    """Each ingested row is in exactly one of valid and rejected."""
    check_row_keys((A, B), pieces(keys(*valid), keys(*rejected)))


def test_no_rows_balance() -> None:
    """An empty day, or an object without rows, balances."""
    check_row_keys((), [])
    check_row_keys((factories.input_object(row_count=0),), pieces(keys(), keys()))


@pytest.mark.parametrize(
    ("valid", "rejected", "said"),
    [
        pytest.param([("a", 0), ("a", 2), ("b", 0)], [], r"^a: 1 rows .* the first is row 1: lost$", id="lost"),
        pytest.param([("a", 0), ("a", 1), ("a", 2)], [], r"^b: 1 rows .* row 0: lost$", id="whole-object-lost"),
        pytest.param(
            [("a", 0), ("a", 1), ("a", 2), ("b", 0)], [("a", 1)], r"^a: 1 rows .* row 1: there twice$", id="in-both"
        ),
        pytest.param(
            [("a", 0), ("a", 0), ("a", 2), ("b", 0)], [], r"^a: 2 rows .* row 0: there twice$", id="one-for-another"
        ),
        pytest.param(
            [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("a", 3)], [], "rows of a that the plan does not", id="row-made-up"
        ),
        pytest.param([("c", 0)], [], "rows of c that the plan does not know", id="object-made-up"),
    ],
)
def test_a_row_lost_or_made_up_is_named(
    valid: list[tuple[str, int]], rejected: list[tuple[str, int]], said: str
) -> None:
    """Equal counts are not enough: the object and the first row that is wrong are named."""
    with pytest.raises(Unbalanced, match=said):
        check_row_keys((A, B), pieces(keys(*valid), keys(*rejected)))


@hypothesis_settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(0, 19))
def test_one_row_too_few_or_too_many_never_balances(places: list[bool], wrong: int) -> None:
    """However the rows are split, a row that is left out or doubled is seen."""
    source = [factories.input_object(uri="a", row_count=len(places))]
    rows = [("a", number) for number in range(len(places))]
    valid = [row for row, place in zip(rows, places, strict=True) if place]
    rejected = [row for row, place in zip(rows, places, strict=True) if not place]
    check_row_keys(source, pieces(keys(*valid), keys(*rejected)))
    row = rows[wrong % len(rows)]
    for changed in ([*valid, row], [item for item in valid if item != row]):
        if changed != valid:
            with pytest.raises(Unbalanced):
                check_row_keys(source, pieces(keys(*changed), keys(*rejected)))


def ids(*comment_ids: str) -> pl.LazyFrame:
    return pl.DataFrame({"comment_id": comment_ids}, schema={"comment_id": pl.String}).lazy()


@pytest.mark.parametrize(
    ("valid", "verdicts"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["c1", "c2"], ["c2", "c1"], id="in-any-order"),
    ],
)
def test_the_valid_ids_once_each_balance(valid: list[str], verdicts: list[str]) -> None:
    """The verdicts' ids are the valid ids, each once."""
    check_verdict_ids(ids(*valid), ids(*verdicts))


@pytest.mark.parametrize(
    ("valid", "verdicts"),
    [
        pytest.param(["c1", "c2"], ["c1"], id="one-lost"),
        pytest.param(["c1"], ["c1", "c2"], id="one-made-up"),
        pytest.param(["c1", "c2"], ["c1", "c1"], id="one-for-another"),
        pytest.param(["c1", "c2"], ["c1", "C2"], id="another-id"),
        pytest.param([], ["c1"], id="nothing-was-valid"),
        pytest.param(["c1", "c2", "c3", "c4"], ["c1", "c1", "c4", "c4"], id="same-count"),
    ],
)
def test_other_ids_do_not_balance(valid: list[str], verdicts: list[str]) -> None:
    """As many verdicts as comments is not enough: they must be for the same ones."""
    with pytest.raises(Unbalanced, match=rf"^{len(verdicts)} verdicts for {len(valid)} valid comments"):
        check_verdict_ids(ids(*valid), ids(*verdicts))


def test_what_was_not_judged_is_to_be_reviewed_once_each() -> None:
    """The review list's ids are those of the verdicts without a verdict, not only as many."""
    verdicts = factories.verdicts({}, LOST, LOST).lazy()
    assert count_review_rows(verdicts, ids("c3", "c2")) == 2
    for wrong in (ids("c2"), ids("c2", "c2"), ids("c1", "c2"), ids("c2", "c3", "c1")):
        with pytest.raises(Unbalanced, match=r"rows to review for 2 comments without a verdict"):
            count_review_rows(verdicts, wrong)


def booked(**overrides: object) -> LedgerEntry:
    given = {"input_tokens": 1000, "output_tokens": 50, "cost_usd": 0.000625}
    return factories.ledger_entry(usage=Usage.model_validate(given | overrides))


def books(ledger: Sequence[LedgerEntry], *verdicts: factories.Row, valid_count: int = 2) -> Balance:
    return balance(factories.plan(), ledger, factories.verdicts(*verdicts).lazy(), valid_count)


LOST: factories.Row = {"status": "missing", "input_tokens": None, "output_tokens": None, "cost_usd": 0.0}


def test_books_hold_every_row_and_every_token() -> None:
    """Rows from ingestion to verdicts, tokens and dollars of ledger and verdicts, and what no verdict carries."""
    ledger = [booked(), booked(input_tokens=1100, output_tokens=52, cost_usd=0.00068), factories.ledger_entry()]
    expected = Balance(
        ingested_count=3,
        valid_count=2,
        rejected_count=1,
        verdict_count=2,
        ledger_input_tokens=2100,
        ledger_output_tokens=102,
        verdict_input_tokens=1000,
        verdict_output_tokens=50,
        unattributed_input_tokens=1100,
        unattributed_output_tokens=52,
        ledger_cost_usd=0.001305,
        verdict_cost_usd=0.000625,
        unattributed_cost_usd=0.00068,
    )
    assert books(ledger, {}, LOST) == expected


def test_a_canary_has_a_part_of_its_own() -> None:
    """What the canary used is neither a verdict's nor unattributed, and the parts make the whole."""
    canary = booked(input_tokens=1400, output_tokens=40, cost_usd=0.0016).model_copy(update={"mode": "canary"})
    actual = books([booked(), canary], {}, LOST)
    assert (actual.canary_input_tokens, actual.canary_output_tokens, actual.canary_cost_usd) == (1400, 40, 0.0016)
    assert (actual.unattributed_input_tokens, actual.unattributed_output_tokens) == (0, 0)
    assert actual.unattributed_cost_usd == 0.0
    assert actual.ledger_cost_usd == 0.002225


def test_dollars_that_no_job_cost_are_made_up() -> None:
    """Verdicts that cost more than the jobs did are a defect, where the ledger kept its prices."""
    priced = booked(input_pico=500_000, output_pico=2_500_000)
    with pytest.raises(Unbalanced, match=r"claim \$.* more than the jobs cost"):
        books([priced], {"cost_usd": 0.000626})
    assert books([booked()], {"cost_usd": 0.000626}).unattributed_cost_usd == -0.000001, "booked by an earlier version"


def test_a_night_that_asked_nothing_costs_nothing() -> None:
    """No jobs, no verdicts: every sum is 0, and 0 dollars is known."""
    actual = books([], valid_count=0)
    assert (actual.ledger_cost_usd, actual.verdict_cost_usd, actual.unattributed_cost_usd) == (0.0, 0.0, 0.0)
    assert (actual.verdict_count, actual.rejected_count) == (0, 3)


@pytest.mark.parametrize(
    ("ledger", "verdicts", "expected"),
    [
        pytest.param(
            [booked(cost_usd=None)], [{"cost_usd": None}], (None, None, None), id="no-price-for-the-night's-model"
        ),
        pytest.param(
            [booked(), booked(cost_usd=None)], [{}], (None, 0.000625, None), id="no-price-for-an-earlier-model"
        ),
        pytest.param(
            [booked(cost_usd=None)],
            [{"cost_usd": None}, {"cost_usd": 0.0, "input_tokens": None, "output_tokens": None}],
            (None, None, None),
            id="and-a-duplicate",
        ),
    ],
)
def test_an_unknown_cost_is_null_and_never_0(
    ledger: list[LedgerEntry], verdicts: list[factories.Row], expected: tuple[float | None, ...]
) -> None:
    """One part unknown makes the sum unknown."""
    actual = books(ledger, *verdicts)
    assert (actual.ledger_cost_usd, actual.verdict_cost_usd, actual.unattributed_cost_usd) == expected


@pytest.mark.parametrize("claimed", [{"input_tokens": 1001}, {"output_tokens": 51}])
def test_verdicts_cannot_claim_more_than_the_jobs_reported(claimed: factories.Row) -> None:
    """Tokens that no job reported are made up."""
    with pytest.raises(Unbalanced, match=r"verdicts claim \[.*\] input and output tokens, the jobs reported"):
        books([booked()], claimed)


@hypothesis_settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 500)), min_size=1, max_size=30))
def test_dollars_add_up_to_the_last_picodollar(tokens: list[tuple[int, int]]) -> None:
    """Ledger = verdicts + unattributed exactly, however many small amounts are summed."""
    pico = [given * 550_000 + written * 2_750_000 for given, written in tokens]
    ledger = [
        booked(
            input_tokens=sum(given for given, _ in tokens),
            output_tokens=sum(written for _, written in tokens),
            cost_usd=sum(pico) / 10**12,
        )
    ]
    verdicts = [
        {"input_tokens": given, "output_tokens": written, "cost_usd": cost / 10**12}
        for (given, written), cost in zip(tokens, pico, strict=True)
    ]
    actual = books(ledger, *verdicts)
    assert (actual.verdict_cost_usd, actual.unattributed_cost_usd) == (sum(pico) / 10**12, 0.0)


def test_a_frame_is_sent_in_the_contracts_schema(tmp_path: Path) -> None:
    """Batches have the contract's columns in order with its types and nullability, whatever the file has."""
    path = tmp_path / "verdicts.parquet"
    shuffled = factories.verdicts({}, {}).select(reversed(VERDICTS.names)).with_columns(extra=pl.lit(1))
    shuffled.write_parquet(path)
    batches = list(record_batches(path, VERDICTS))
    assert all(batch.schema == VERDICTS.arrow_schema for batch in batches)
    assert sum(batch.num_rows for batch in batches) == 2


class Night:
    """A merged night below a local folder, ready to be published."""

    def __init__(self, root: Path) -> None:
        self.settings = factories.settings(root)
        self.outside = factories.local_adapters()
        self.paths = RunPaths(self.settings, factories.RUN_DATE, factories.RUN_ID)
        self.scratch = root / "scratch.parquet"
        self.rejected = REJECTED.empty()
        self.flips = FLIPS.empty()

    def plan(self, rows: int, run_id: str = factories.RUN_ID) -> Plan:
        source = InputObject(uri=factories.SOURCE, etag="e1", size_bytes=1, row_count=rows)
        return factories.plan(inputs=(source,), run_id=run_id)

    def send(self, name: str, frame: pl.DataFrame) -> None:
        frame.write_parquet(self.scratch)
        self.outside.storage.send(self.scratch, self.paths.work(name))

    def publish(self, valid: pl.DataFrame, rejected: pl.DataFrame, verdicts: pl.DataFrame) -> Balance:
        for name, frame in (("valid", valid), ("rejected", rejected), ("verdicts", verdicts), ("flips", self.flips)):
            self.send(name, frame)
        return publish.fn(self.settings, self.plan(valid.height + rejected.height))

    def lake(self, table: Table) -> pl.DataFrame:
        return self.outside.lake.scan(self.paths.lake(table.name), table).collect()


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    found = Night(tmp_path)
    monkeypatch.setattr(adapters, "connect", lambda _: found.outside)
    return found


UNPAID: factories.Row = LOST | {"violation": None, "category": None, "confidence": None, "explanation": None}


def rejected(row: int) -> pl.DataFrame:
    given = factories.comment(text=None) | {
        "date": factories.RUN_DATE,
        "source_object": factories.SOURCE,
        "source_row": row,
        "reason": "null_text",
        "run_id": factories.RUN_ID,
    }
    return pl.DataFrame([given], schema=REJECTED.polars_schema)


def listed(verdicts: pl.DataFrame) -> pl.DataFrame:
    return review_list(verdicts.lazy()).collect()


def test_a_day_is_in_the_lake_and_in_the_plain_objects(night: Night) -> None:
    """Verdicts and rejected rows are published in both places alike, and the books say at which version."""
    verdicts = factories.verdicts(UNPAID, UNPAID)
    actual = night.publish(factories.valid({}, {}), rejected(2), verdicts)
    for table, expected in ((VERDICTS, verdicts), (REJECTED, rejected(2)), (REVIEW, listed(verdicts))):
        assert_frame_equal(night.lake(table), expected, check_row_order=False)
        assert_frame_equal(pl.read_parquet(night.paths.plain(table.name)), expected)
    assert (actual.ingested_count, actual.valid_count, actual.rejected_count, actual.verdict_count) == (3, 2, 1, 2)
    assert None not in (actual.verdicts_version, actual.rejected_version, actual.review_version)
    assert actual.review_count == 2
    stored = json.loads(Path(night.paths.file("balance.json")).read_text())
    assert Balance.model_validate(stored) == actual


def test_flips_are_published_beside_the_verdicts(night: Night) -> None:
    """What the night changes about the day stands in lake and plain object, and is counted."""
    row = {"date": factories.RUN_DATE, "comment_id": "c1", "old_violation": True, "new_violation": False}
    row |= {"old_category": "spam", "new_category": "none", "old_run_id": "before", "run_id": factories.RUN_ID}
    night.flips = pl.DataFrame([row], schema=FLIPS.polars_schema)
    books = night.publish(factories.valid({}), REJECTED.empty(), factories.verdicts(UNPAID))
    assert (books.flip_count, books.flips_version) == (1, 1)
    assert_frame_equal(night.lake(FLIPS), night.flips)
    assert_frame_equal(pl.read_parquet(night.paths.plain("flips")), night.flips)


def test_publishing_again_leaves_the_same_day(night: Night) -> None:
    """A day is replaced, not added to; other days stay."""
    other = factories.verdicts({"date": factories.RUN_DATE.replace(day=18)})
    night.outside.lake.replace_day(
        night.paths.lake("verdicts"),
        VERDICTS,
        factories.RUN_DATE.replace(day=18),
        other.to_arrow().cast(VERDICTS.arrow_schema).to_batches(),
        {},
    )
    night.publish(factories.valid({}), REJECTED.empty(), factories.verdicts(UNPAID))
    night.publish(factories.valid({}, {}), REJECTED.empty(), factories.verdicts(UNPAID, UNPAID))
    actual = night.lake(VERDICTS).group_by("date").len().sort("date")
    assert actual.rows() == [(factories.RUN_DATE.replace(day=18), 1), (factories.RUN_DATE, 2)]


def test_an_empty_day_is_published_as_an_empty_day(night: Night) -> None:
    """No rows: tables and plain objects exist, with the contract's columns."""
    night.publish(factories.valid(), REJECTED.empty(), VERDICTS.empty())
    assert_frame_equal(night.lake(VERDICTS), VERDICTS.empty())
    assert_frame_equal(pl.read_parquet(night.paths.plain("rejected")), REJECTED.empty())


@pytest.mark.parametrize(
    ("rejected_rows", "verdicts"),
    [
        pytest.param(REJECTED.empty(), factories.verdicts(UNPAID), id="a-verdict-lost"),
        pytest.param(rejected(1), factories.verdicts(UNPAID, UNPAID), id="a-row-twice"),
        pytest.param(REJECTED.empty(), factories.verdicts(UNPAID, UNPAID | {"input_tokens": 1}), id="tokens-made-up"),
    ],
)
def test_a_night_that_does_not_balance_leaves_no_trace(
    rejected_rows: pl.DataFrame, verdicts: pl.DataFrame, night: Night
) -> None:
    """Nothing is written before everything balances: neither lake nor plain objects nor books."""
    with pytest.raises(Unbalanced):
        night.publish(factories.valid({}, {}), rejected_rows, verdicts)
    for uri in (night.paths.lake("verdicts"), night.paths.plain("verdicts"), night.paths.file("balance.json")):
        assert not Path(uri).exists()

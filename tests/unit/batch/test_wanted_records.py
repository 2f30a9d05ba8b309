"""Which records are asked, and what stops a night before it spends."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.documents.ledger import EntryState, EstimateSource
from tasks.base.errors import BelowMinimum, OverBudget
from tasks.batch.estimate.rates import OUTPUT_TOKENS, Rates
from tasks.batch.wanted_records import (
    Choice,
    asked_records,
    booked_cost,
    check_budget,
    check_minimum,
    choose,
    records_to_ask,
    settled_records,
)
from tasks.ledger.asker import Prices
from tasks.ledger.prices import Price
from tests import factories

#: A dollar for a million tokens, whichever way.
PRICE = Price(1_000_000, 1_000_000)
STATUSES = ("judged", "refused", "malformed", "error", "missing")
RATES = Rates(EstimateSource.CONSTANTS, {}, 0.0, OUTPUT_TOKENS)


ENTRIES = (
    factories.ledger_entry(key="done", state=EntryState.COLLECTED, run_id="earlier"),
    factories.ledger_entry(key="own", state=EntryState.COLLECTED),
    factories.ledger_entry(key="live", state=EntryState.SUBMITTED, run_id="earlier"),
    factories.ledger_entry(key="intent", state=EntryState.INTENDED),
)


def asked(requests: Sequence[factories.Row], answers: Sequence[factories.Row] = ()) -> pl.LazyFrame:
    return asked_records(
        factories.requests(*requests).lazy(), factories.answers(*answers).lazy(), ENTRIES, factories.RUN_ID
    )


def test_each_request_has_what_came_of_it() -> None:
    """An answer's status; missing where a finished job has no line; null while the job is live."""
    requests: list[factories.Row] = [
        {"record_id": "r1", "key": "done"},
        {"record_id": "r2", "key": "done"},
        {"record_id": "r2", "key": "own", "attempt": 2},
        {"record_id": "r3", "key": "live"},
        {"record_id": "r4", "key": "intent"},
    ]
    answers = [
        {"record_id": "r1", "key": "done", "status": "malformed"},
        {"record_id": "r2", "key": "own", "status": "judged"},
    ]
    actual = asked(requests, answers).collect().sort("record_id", "attempt")
    expected = pl.DataFrame(
        {
            "record_id": ["r1", "r2", "r2", "r3", "r4"],
            "text_sha256": ["t1"] * 5,
            "attempt": [1, 1, 2, 1, 1],
            "status": ["malformed", "missing", "judged", None, None],
            "is_own": [False, False, True, False, True],
        },
        schema_overrides={"attempt": pl.Int32},
    )
    assert_frame_equal(actual, expected)


def test_requests_of_entries_that_do_not_serve_are_not_seen() -> None:
    """A request of another model, prompt or epoch has no entry here and counts for nothing."""
    assert asked([{"key": "of another prompt"}]).collect().is_empty()


def test_nothing_was_asked_on_a_first_run() -> None:
    """An empty ledger means that nothing was asked."""
    empty = asked_records(factories.requests().lazy(), factories.answers().lazy(), (), factories.RUN_ID)
    assert empty.collect().is_empty()
    assert settled_records(empty, 2).collect().is_empty()


@pytest.mark.parametrize(
    ("tries", "settled"),
    [
        pytest.param([("done", "judged")], True, id="judged"),
        pytest.param([("done", "refused")], True, id="a-refusal-stays"),
        pytest.param([("done", "malformed")], False, id="malformed"),
        pytest.param([("done", "error")], False, id="error"),
        pytest.param([("done", None)], False, id="missing"),
        pytest.param([("live", None)], True, id="a-live-job-holds-it"),
        pytest.param([("intent", None)], True, id="an-intent-holds-it"),
        pytest.param([("done", "judged"), ("own", "error")], True, id="judged-before-an-error"),
        pytest.param([("done", "error"), ("live", None)], True, id="asked-again-already"),
        pytest.param([("own", "error")], False, id="one-own-attempt"),
        pytest.param([("own", "error"), ("own", "malformed")], True, id="two-own-attempts"),
        pytest.param([("done", "error")] * 5, False, id="another-run's-attempts-do-not-count"),
    ],
)
def test_a_record_is_asked_until_it_is_settled(tries: list[tuple[str, str | None]], settled: bool) -> None:
    """Judged, refused, held by a job, or failed as often as a run may ask: no new request; else one more."""
    kinds = {entry.key: entry for entry in ENTRIES}
    # Each try is a job of its own.
    entries = [kinds[kind].model_copy(update={"key": f"{kind}{attempt}"}) for attempt, (kind, _) in enumerate(tries, 1)]
    requests = [{"key": entry.key, "attempt": attempt} for attempt, entry in enumerate(entries, 1)]
    answers = [
        {"key": entry.key, "status": status} for entry, (_, status) in zip(entries, tries, strict=True) if status
    ]
    frame = asked_records(
        factories.requests(*requests).lazy(), factories.answers(*answers).lazy(), entries, factories.RUN_ID
    )
    assert (settled_records(frame, max_attempts=2).collect().height == 1) is settled


VALID = factories.valid({}, {}, {}, {})
IDS, TEXTS = VALID["record_id"], VALID["text_sha256"]


def to_ask(
    requests: Sequence[factories.Row] = (),
    answers: Sequence[factories.Row] = (),
    duplicates: pl.DataFrame | None = None,
) -> list[tuple[int, int]]:
    """Comment number and attempt of every record that is asked."""
    records = records_to_ask(
        VALID.lazy(),
        (factories.duplicates() if duplicates is None else duplicates).lazy(),
        asked(requests, answers),
        max_attempts=2,
    ).collect()
    return [
        (IDS.to_list().index(record) + 1, attempt) for record, attempt in records.select("record_id", "attempt").rows()
    ]


def test_a_first_run_asks_for_everything_but_duplicates() -> None:
    """Every valid comment in the order of the input, except those that are judged as another."""
    assert to_ask() == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert to_ask(duplicates=factories.duplicates((IDS[1], IDS[0]))) == [(1, 1), (3, 1), (4, 1)]


def test_a_rerun_asks_for_what_is_left() -> None:
    """What a job holds or has judged is left alone; what failed is asked again with the next number."""
    requests = [
        {"record_id": IDS[0], "text_sha256": TEXTS[0], "key": "done"},
        {"record_id": IDS[1], "text_sha256": TEXTS[1], "key": "done"},
        {"record_id": IDS[2], "text_sha256": TEXTS[2], "key": "live"},
    ]
    answers = [
        {"record_id": IDS[0], "key": "done", "status": "judged"},
        {"record_id": IDS[1], "key": "done", "status": "error"},
    ]
    assert to_ask(requests, answers) == [(2, 2), (4, 1)]


def test_a_changed_text_is_asked_whatever_was_answered_before() -> None:
    """A verdict belongs to a text: the same id with another text is asked again, numbered on."""
    requests = [{"record_id": IDS[0], "text_sha256": "another", "key": "done"}]
    answers = [{"record_id": IDS[0], "key": "done", "status": "judged"}]
    assert to_ask(requests, answers) == [(1, 2), (2, 1), (3, 1), (4, 1)]


def test_records_to_ask_carry_what_a_line_needs() -> None:
    """Text, its hash, language and bytes, and the attempt."""
    asked_now = records_to_ask(VALID.lazy(), factories.duplicates().lazy(), asked([]), 2)
    actual = asked_now.head(1).collect()
    expected = pl.DataFrame(
        {
            "record_id": [IDS[0]],
            "text": [VALID["text"][0]],
            "text_sha256": [TEXTS[0]],
            "language": ["ja"],
            "text_bytes": [VALID["text_bytes"][0]],
            "attempt": [1],
        },
        schema_overrides={"attempt": pl.Int32},
    )
    assert_frame_equal(actual, expected)


@pytest.mark.parametrize(
    ("record_count", "stops"),
    [(0, False), (1, True), (99, True), (100, False), (101, False)],
)
def test_fewer_comments_than_a_job_takes_stop_the_night(record_count: int, stops: bool) -> None:
    """Below Bedrock's minimum nothing is submitted and the minimum is named; nothing to ask is no stop."""
    said = rf"^{record_count} comments .* minimum of 100 .*MODERATION_MIN_JOB_RECORDS"
    with pytest.raises(BelowMinimum, match=said) if stops else nullcontext():
        check_minimum(record_count, 100)


@pytest.mark.parametrize(
    ("estimated", "booked", "stops"),
    [
        pytest.param(0.0, 0.0, False, id="nothing"),
        pytest.param(10.0, 0.0, False, id="at-the-budget"),
        pytest.param(10.01, 0.0, True, id="over"),
        pytest.param(6.0, 4.0, False, id="with-what-is-booked-at-the-budget"),
        pytest.param(6.0, 4.01, True, id="with-what-is-booked-over"),
        pytest.param(None, 100.0, False, id="unknown"),
    ],
)
def test_a_night_over_the_budget_submits_nothing(estimated: float | None, booked: float, stops: bool) -> None:
    """The estimate and what the day has booked may reach MAX_COST_USD, not pass it."""
    said = r"MODERATION_MAX_COST_USD=10: nothing was submitted"
    with pytest.raises(OverBudget, match=said) if stops else nullcontext():
        check_budget(estimated, booked, 10.0)


def test_a_small_budget_is_named_as_it_was_set() -> None:
    """A night of a few comments costs fractions of a cent, and so may its budget: neither is shown as nothing."""
    said = r"an estimated \$0\.0021 on top of \$0\.0010 .* MODERATION_MAX_COST_USD=0\.003: "
    with pytest.raises(OverBudget, match=said):
        check_budget(0.0021, 0.001, 0.003)


def test_the_day_has_booked_what_it_paid_and_what_is_under_way() -> None:
    """A finished job counts with its real cost, one whose cost is not known with its estimate."""
    entries = [
        factories.ledger_entry(estimated_cost_usd=9.0, usage=factories.usage(cost_usd=1.25)),
        factories.ledger_entry(estimated_cost_usd=2.5),
        factories.ledger_entry(estimated_cost_usd=None),
        factories.ledger_entry(estimated_cost_usd=4.0, usage=factories.usage(cost_usd=None)),
    ]
    assert booked_cost(entries) == 7.75
    assert booked_cost([]) == 0.0


def sizes(new: int, again: int) -> pl.DataFrame:
    """So many records that were never asked, and so many whose answer failed; a million tokens each."""
    attempts = [1] * new + [2] * again
    return pl.DataFrame(
        {"text_bytes": [10] * len(attempts), "input_tokens": [10**6] * len(attempts), "attempt": attempts},
        schema={"text_bytes": pl.Int64, "input_tokens": pl.Int64, "attempt": pl.Int32},
    )


def chosen(
    new: int,
    again: int,
    *,
    budget: float = 1_000.0,
    booked: float = 0.0,
    price: Price | None = PRICE,
    on_demand: bool = False,
    is_canary_due: bool = False,
) -> Choice:
    settings = factories.settings(max_cost_usd=budget, min_job_records=10, on_demand=on_demand)
    double = Price(2 * price.input_pico, 2 * price.output_pico) if price else None
    prices: Prices = {"batch": price, "on_demand": double, "canary": double}
    return choose(sizes(new, again), settings, booked, RATES, prices, is_canary_due=is_canary_due)


@pytest.mark.parametrize(
    ("new", "again", "budget", "taken", "left"),
    [
        pytest.param(0, 0, 1_000, 0, 0, id="nothing"),
        pytest.param(10, 0, 1_000, 10, 0, id="new-at-the-minimum"),
        pytest.param(10, 5, 1_000, 15, 0, id="all"),
        pytest.param(5, 5, 1_000, 10, 0, id="failed-ones-fill-the-job"),
        pytest.param(0, 10, 1_000, 10, 0, id="failed-ones-alone"),
        pytest.param(0, 9, 1_000, 0, 9, id="too-few-failed-ones"),
        pytest.param(10, 5, 12, 10, 5, id="budget-for-the-new-ones"),
        pytest.param(0, 20, 12, 0, 20, id="no-budget-for-failed-ones"),
    ],
)
def test_failed_records_never_stop_a_night(new: int, again: int, budget: float, taken: int, left: int) -> None:
    """Further attempts are dropped first when a job would be too small or too dear; each record costs a dollar."""
    actual = chosen(new, again, budget=budget)
    assert (actual.sizes.height, actual.left_count) == (taken, left)
    assert actual.is_first_attempt_only is (left > 0)
    assert actual.expected.input_tokens == taken * 10**6
    assert actual.expected.output_tokens == taken * OUTPUT_TOKENS


@pytest.mark.parametrize(
    ("new", "again", "budget", "booked", "error"),
    [
        pytest.param(9, 0, 1_000, 0, BelowMinimum, id="too-few-new"),
        pytest.param(4, 5, 1_000, 0, BelowMinimum, id="too-few-with-failed-ones"),
        pytest.param(12, 0, 12, 0, OverBudget, id="new-over-the-budget"),
        pytest.param(12, 12, 12, 0, OverBudget, id="new-alone-over-the-budget"),
        pytest.param(10, 0, 12, 3, OverBudget, id="on-top-of-what-is-booked"),
        pytest.param(9, 100, 12, 0, BelowMinimum, id="too-dear-with-and-too-few-without"),
    ],
)
def test_comments_that_were_never_asked_may_stop_a_night(
    new: int, again: int, budget: float, booked: float, error: type[Exception]
) -> None:
    """Comments without any answer that are too few or too dear stop the night before anything is submitted."""
    with pytest.raises(error):
        chosen(new, again, budget=budget, booked=booked)


@pytest.mark.parametrize(
    ("new", "again", "budget", "mode", "taken"),
    [
        pytest.param(9, 0, 1_000, "on_demand", 9, id="below-the-minimum"),
        pytest.param(10, 0, 1_000, "batch", 10, id="at-the-minimum"),
        pytest.param(0, 9, 1_000, "on_demand", 9, id="failed-ones"),
        pytest.param(0, 9, 12, "batch", 0, id="failed-ones-too-dear-on-demand"),
        pytest.param(5, 4, 12, "on_demand", 5, id="budget-for-the-new-ones"),
    ],
)
def test_too_few_for_a_job_are_asked_on_demand(new: int, again: int, budget: float, mode: str, taken: int) -> None:
    """Below the minimum the dearer single calls are chosen, within the same budget."""
    actual = chosen(new, again, budget=budget, on_demand=True)
    assert (actual.mode if taken else mode, actual.sizes.height) == (mode, taken)
    if taken:
        each = 2.0 if mode == "on_demand" else 1.0
        assert actual.expected.cost_usd == pytest.approx(each * taken, rel=0.01)


def test_an_unknown_price_is_no_estimate() -> None:
    """Without a price the estimate is None, never 0, and the budget cannot be judged."""
    assert chosen(10, 0, budget=0.01, price=None).expected.cost_usd is None


@pytest.mark.parametrize(
    ("new", "budget", "stops"),
    [
        pytest.param(10, 12.5, False, id="room-for-the-canary"),
        pytest.param(10, 11.5, True, id="no-room-for-the-canary"),
        pytest.param(9, 18.5, False, id="on-demand-there-is-none"),
        pytest.param(0, 0.01, False, id="nothing-to-try"),
    ],
)
def test_the_budget_has_room_for_the_canary(new: int, budget: float, stops: bool) -> None:
    """A canary costs two dollars here: the budget has to hold it on top of the batch that it is tried for."""
    with pytest.raises(OverBudget) if stops else nullcontext():
        chosen(new, 0, budget=budget, on_demand=True, is_canary_due=True)


@hypothesis_settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["done", "own", "live"]), st.sampled_from([*STATUSES, None])), max_size=6))
def test_a_record_with_a_verdict_is_never_asked_again(tries: list[tuple[str, str | None]]) -> None:
    """Whatever happened to a record: once it is judged or refused, or held by a live job, no request is made."""
    kinds = {entry.key: entry for entry in ENTRIES}
    entries = [kinds[kind].model_copy(update={"key": f"k{number}"}) for number, (kind, _) in enumerate(tries)]
    requests = [
        {"record_id": IDS[0], "text_sha256": TEXTS[0], "key": entry.key, "attempt": number}
        for number, entry in enumerate(entries, 1)
    ]
    answers = [
        {"record_id": IDS[0], "key": entry.key, "status": status}
        for entry, (kind, status) in zip(entries, tries, strict=True)
        if status and kind != "live"
    ]
    frame = asked_records(
        factories.requests(*requests).lazy(), factories.answers(*answers).lazy(), entries, factories.RUN_ID
    )
    found = records_to_ask(VALID.lazy(), factories.duplicates().lazy(), frame, 2).collect()
    is_settled = (
        any(kind == "live" or status in ("judged", "refused") for kind, status in tries)
        or sum(kind == "own" for kind, _ in tries) >= 2
    )
    assert (IDS[0] not in found["record_id"].to_list()) is is_settled

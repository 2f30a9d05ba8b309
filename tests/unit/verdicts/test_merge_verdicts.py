"""One verdict for each valid comment, whatever order the answers came in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.documents.ledger import EntryState, LedgerEntry
from data_contracts.tables.verdicts import ANSWERS, REQUESTS, VERDICTS
from tasks import adapters
from tasks.base import frames as frames_module
from tasks.base.errors import JobFailed, TooFewJudged
from tasks.base.paths import RunPaths
from tasks.batch.estimate.learnt import add_up, usage_by_language
from tasks.ledger.prices import Price, booked_price, job_frame
from tasks.llm.quotes import REMOVED
from tasks.verdicts import merge_verdicts
from tasks.verdicts.best_answers import (
    VerdictSummary,
    arrow,
    best_answers,
    check_judged,
    merge,
    summarise,
)
from tasks.verdicts.merge_ranges import Frames, merge_in_buckets
from tests import factories

SETTINGS = factories.settings()
JOBS = tuple(
    factories.ledger_entry(key=key, epoch=epoch, job_arn=f"arn-{key}", state=EntryState.COLLECTED)
    for key, epoch in (("k1", 0), ("k2", 0), ("k3", 0), ("again", 1))
)
VALID = factories.valid({}, {}, {}, {})
IDS, TEXTS = VALID["record_id"].to_list(), VALID["text_sha256"].to_list()
#: Tokens of the factories' answers at the price of the factories' model: 1000 in, 50 out.
COST = (1000 * 500_000 + 50 * 2_500_000) / 10**12


def best(
    requests: Sequence[factories.Row], answers: Sequence[factories.Row], jobs: Sequence[LedgerEntry] = JOBS
) -> pl.LazyFrame:
    return best_answers(*inputs(requests, answers, jobs))


def inputs(
    requests: Sequence[factories.Row], answers: Sequence[factories.Row], jobs: Sequence[LedgerEntry] = JOBS
) -> tuple[pl.LazyFrame, pl.LazyFrame, pl.LazyFrame]:
    """What was asked and answered, and the jobs that it was asked in."""
    frames = factories.requests(*requests), factories.answers(*answers), job_frame(jobs, SETTINGS)
    return frames[0].lazy(), frames[1].lazy(), frames[2].lazy()


def asked(number: int, **overrides: Any) -> factories.Row:
    """A request for one of the four comments."""
    return {"record_id": IDS[number], "text_sha256": TEXTS[number]} | overrides


def answered(number: int, **overrides: Any) -> factories.Row:
    """An answer for one of the four comments."""
    return {"record_id": IDS[number]} | overrides


def merged(
    requests: Sequence[factories.Row],
    answers: Sequence[factories.Row],
    duplicates: pl.DataFrame | None = None,
    priced: bool = True,
    jobs: Sequence[LedgerEntry] = JOBS,
) -> pl.DataFrame:
    pairs = factories.duplicates() if duplicates is None else duplicates
    found = merge(VALID.lazy(), pairs.lazy(), best(requests, answers, jobs), factories.plan(), priced)
    return found.collect().sort("comment_id")


def test_a_job_has_a_price_or_none() -> None:
    """Each job's tokens are priced in whole picodollars; a model without a price has nulls."""
    jobs = [JOBS[0], factories.ledger_entry(key="k9", model_id="anthropic.claude-unlisted")]
    expected = pl.DataFrame(
        {
            "key": ["k1", "k9"],
            "batch_job_arn": ["arn-k1", None],
            "_epoch": [0, 0],
            "_input_pico": [500_000, None],
            "_output_pico": [2_500_000, None],
        }
    )
    assert_frame_equal(job_frame(jobs, SETTINGS), expected)
    assert job_frame([], SETTINGS).is_empty()


@pytest.mark.parametrize(
    ("model_id", "usage", "expected"),
    [
        pytest.param(factories.MODEL_ID, {"cost_usd": 1.0, "input_pico": 7, "output_pico": 9}, Price(7, 9), id="kept"),
        pytest.param(
            factories.MODEL_ID, {"input_pico": 7, "output_pico": 9}, Price(7, 9), id="kept-with-unknown-counts"
        ),
        pytest.param(factories.MODEL_ID, {"cost_usd": None}, None, id="listed-only-since"),
        pytest.param(
            factories.MODEL_ID, {"cost_usd": 1.0}, Price(500_000, 2_500_000), id="booked-by-an-earlier-version"
        ),
        pytest.param("anthropic.claude-unlisted", {"cost_usd": 1.0}, None, id="no-longer-listed"),
    ],
)
def test_tokens_cost_what_they_were_booked_at(model_id: str, usage: factories.Row, expected: Price | None) -> None:
    """A price list that is edited between booking and merging changes nothing that was booked."""
    job = factories.ledger_entry(model_id=model_id, usage=factories.usage(**usage))
    assert booked_price(job, SETTINGS) == expected


@pytest.mark.parametrize(
    ("tries", "expected"),
    [
        pytest.param([("k1", 1, "judged")], ("judged", 1, "arn-k1"), id="judged"),
        pytest.param([("k1", 1, "error"), ("k2", 2, "judged")], ("judged", 2, "arn-k2"), id="judged-at-last"),
        pytest.param(
            [("k1", 1, "judged"), ("k2", 2, "error")], ("judged", 1, "arn-k1"), id="judged-beats-a-later-failure"
        ),
        pytest.param(
            [("k1", 1, "judged"), ("k2", 2, "refused")], ("judged", 1, "arn-k1"), id="judged-beats-a-later-refusal"
        ),
        pytest.param([("k1", 1, "error"), ("k2", 2, "malformed")], ("malformed", 2, "arn-k2"), id="latest-failure"),
        pytest.param([("k1", 1, "malformed"), ("k2", 2, None)], ("missing", 2, "arn-k2"), id="lost-at-last"),
        pytest.param([("k1", 1, None)], ("missing", 1, "arn-k1"), id="lost"),
        pytest.param(
            [("k1", 1, "error"), ("k2", 2, "error"), ("k3", 3, "refused")],
            ("refused", 3, "arn-k3"),
            id="three-attempts",
        ),
        pytest.param(
            [("k1", 1, "judged"), ("again", 1, "judged")],
            ("judged", 1, "arn-again"),
            id="a-higher-epoch-judged-it-again",
        ),
        pytest.param(
            [("k1", 1, "error"), ("k2", 2, "judged"), ("again", 1, "judged")],
            ("judged", 1, "arn-again"),
            id="an-epoch-beats-attempts",
        ),
        pytest.param(
            [("k1", 1, "judged"), ("again", 1, "error")], ("judged", 1, "arn-k1"), id="a-verdict-beats-an-epoch"
        ),
    ],
)
def test_the_best_answer_counts(tries: list[tuple[str, int, str | None]], expected: tuple[str, int, str]) -> None:
    """A verdict beats any failure, then the highest epoch, then the latest attempt; a lost record is missing."""
    requests = [asked(0, key=key, attempt=attempt) for key, attempt, _ in tries]
    answers = [answered(0, key=key, attempt=attempt, status=status) for key, attempt, status in tries if status]
    for order in (1, -1):
        found = best(requests[::order], answers[::order]).collect()
        assert found.select("status", "attempt", "batch_job_arn").rows() == [expected]


def test_all_attempts_are_paid_for_together() -> None:
    """Tokens and cost of a record are those of all its answers, exactly."""
    requests = [asked(0, key=key, attempt=attempt) for attempt, key in enumerate(("k1", "k2", "k3"), 1)]
    answers = [
        answered(0, key="k1", status="malformed", input_tokens=1000, output_tokens=7),
        answered(0, key="k2", status="judged", attempt=2, input_tokens=1001, output_tokens=50),
    ]
    actual = merged(requests, answers).row(0, named=True)
    assert (actual["input_tokens"], actual["output_tokens"]) == (2001, 57)
    assert actual["cost_usd"] == (2001 * 500_000 + 57 * 2_500_000) / 10**12


@pytest.mark.parametrize(
    ("answers", "tokens", "cost"),
    [
        pytest.param([], (None, None), 0.0, id="lost-record-cost-nothing"),
        pytest.param(
            [{"status": "error", "input_tokens": None, "output_tokens": None}],
            (None, None),
            0.0,
            id="error-cost-nothing",
        ),
        pytest.param(
            [{"status": "refused", "input_tokens": 10, "output_tokens": None}], (10, None), None, id="one-count-known"
        ),
        pytest.param(
            [{"status": "judged", "input_tokens": None, "output_tokens": None}], (None, None), None, id="none-known"
        ),
    ],
)
def test_tokens_that_nobody_reported_are_null(
    answers: list[factories.Row], tokens: tuple[int | None, int | None], cost: float | None
) -> None:
    """No output cost nothing; an output that reported no tokens was paid for, and its cost is null, never 0."""
    actual = merged([asked(0)], [answered(0, **row) for row in answers]).row(0, named=True)
    assert ((actual["input_tokens"], actual["output_tokens"]), actual["cost_usd"]) == (tokens, cost)


def test_a_verdict_has_every_column() -> None:
    """A judged comment: what it is, what was decided, by which model and prompt, at what cost."""
    actual = merged([asked(0)], [answered(0)]).head(1)
    expected = factories.verdicts(
        {
            "violation": True,
            "category": "spam",
            "explanation": "an advert",
            "text_sha256": TEXTS[0],
            "cost_usd": COST,
            "batch_job_arn": "arn-k1",
        }
    )
    assert_frame_equal(actual, expected)
    assert actual.schema == VERDICTS.polars_schema


def test_a_comment_that_was_never_asked_is_missing() -> None:
    """No request, no answer: missing, at no cost, with a reason of its own."""
    actual = merged([], []).select("status", "status_detail", "attempt", "cost_usd", "batch_job_arn", "decided_at")
    expected = factories.verdicts({}, {}, {}, {}).with_columns(
        status=pl.lit("missing"),
        status_detail=pl.lit("never asked"),
        attempt=pl.lit(0, pl.Int32),
        cost_usd=0.0,
        batch_job_arn=pl.lit(None, pl.String),
    )
    assert_frame_equal(actual, expected.select(actual.columns))


def test_a_lost_record_is_missing_with_its_job() -> None:
    """Asked and not answered: missing, and the detail says so; nothing else of a verdict is set."""
    actual = merged([asked(0)], []).row(0, named=True)
    assert actual["status"] == "missing"
    assert actual["status_detail"] == "the job's output has no line for this record"
    assert actual["batch_job_arn"] == "arn-k1"
    assert [actual[name] for name in ("violation", "category", "confidence", "explanation")] == [None] * 4


@pytest.mark.parametrize("status", ["refused", "malformed", "error", "missing"])
def test_nothing_but_a_verdict_says_violation_or_none(status: str) -> None:
    """A refusal, a broken answer or a lost record is never read as fine."""
    answers = [] if status == "missing" else [answered(0, status=status, status_detail="why")]
    actual = merged([asked(0)], answers).row(0, named=True)
    assert actual["status"] == status
    assert [actual[name] for name in ("violation", "category", "confidence", "explanation")] == [None] * 4


def test_an_answer_to_another_text_does_not_count() -> None:
    """A verdict belongs to a text: the same id with another text was never asked."""
    actual = merged([asked(0, text_sha256="another")], [answered(0)])
    assert actual["status_detail"][0] == "never asked"


#: The second and the third comment have the text of the first.
SAME = pl.DataFrame(
    {"record_id": [IDS[1], IDS[2]], "judged_as": [IDS[0], IDS[0]]},
    schema={"record_id": pl.String, "judged_as": pl.String},
)


def merged_with_duplicates(answers: Sequence[factories.Row], priced: bool = True) -> pl.DataFrame:
    texts = VALID.with_columns(text_sha256=pl.Series([TEXTS[0]] * 3 + [TEXTS[3]]))
    found = merge(texts.lazy(), SAME.lazy(), best([asked(0), asked(3)], answers), factories.plan(), priced)
    return found.collect().sort("comment_id")


@pytest.mark.parametrize("status", ["judged", "refused", "malformed", "error"])
def test_a_duplicate_inherits_status_and_verdict_at_no_cost(status: str) -> None:
    """Whatever became of the judged comment became of its duplicates, without tokens and for 0 dollars."""
    actual = merged_with_duplicates([answered(0, status=status), answered(3)])
    inherited = ["status", "status_detail", "violation", "category", "confidence", "explanation", "decided_at"]
    assert actual.head(3).select(inherited).unique().height == 1
    assert actual["status"].to_list() == [status] * 3 + ["judged"]
    expected = pl.DataFrame(
        {
            "decided_by": ["model", "duplicate", "duplicate", "model"],
            "input_tokens": [1000, None, None, 1000],
            "output_tokens": [50, None, None, 50],
            "cost_usd": [COST, 0.0, 0.0, COST],
        }
    )
    assert_frame_equal(actual.select(expected.columns), expected)


def test_duplicates_of_a_lost_record_are_missing_too() -> None:
    """A lost record's duplicates are lost with it."""
    assert merged_with_duplicates([answered(3)])["status"].to_list() == ["missing"] * 3 + ["judged"]


def test_an_unknown_price_is_null_and_never_0() -> None:
    """Without a price a verdict's cost is null; a duplicate's is 0, for nothing was asked."""
    unpriced = [job.model_copy(update={"model_id": "anthropic.claude-unlisted"}) for job in JOBS]
    assert merged([asked(0)], [answered(0)], priced=False, jobs=unpriced)["cost_usd"].to_list() == [None] * 4
    found = merged_with_duplicates([answered(0), answered(3)], priced=False)["cost_usd"]
    assert found.to_list() == [None, 0.0, 0.0, None]


_TRIES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["k1", "k2", "k3", "again"]),
        st.sampled_from(["judged", "refused", "malformed", "error", None]),
        st.integers(0, 2000),
    ),
    unique_by=lambda item: item[:2],
    max_size=12,
)


def frames_of(tries: list[tuple[int, str, str | None, int]]) -> tuple[list[factories.Row], list[factories.Row]]:
    """Requests and answers; the attempts of a record are numbered in order of key."""
    attempt = {key: number for number, key in enumerate(("k1", "k2", "k3", "again"), 1)}
    requests = [asked(number, key=key, attempt=attempt[key]) for number, key, _, _ in tries]
    answers = [
        answered(number, key=key, attempt=attempt[key], status=status, input_tokens=tokens, explanation=f"by {key}")
        for number, key, status, tokens in tries
        if status
    ]
    return requests, answers


@hypothesis_settings(max_examples=40)
@given(_TRIES.flatmap(lambda tries: st.tuples(st.just(tries), st.permutations(tries), st.permutations(tries))))
def test_the_order_of_requests_and_answers_changes_nothing(
    orders: tuple[list[tuple[int, str, str | None, int]], ...],
) -> None:
    """Verdicts depend on what was answered, not on the order it came in."""
    tries, for_requests, for_answers = orders
    one = merged(*frames_of(tries))
    other = merged(frames_of(for_requests)[0], frames_of(for_answers)[1])
    assert_frame_equal(one, other)


@hypothesis_settings(max_examples=40)
@given(_TRIES)
def test_there_is_one_verdict_for_each_comment_and_its_cost_adds_up(
    tries: list[tuple[int, str, str | None, int]],
) -> None:
    """One row per valid comment whatever was asked; verdicts' tokens and dollars are those of the answers."""
    requests, answers = frames_of(tries)
    actual = merged(requests, answers)
    assert actual["comment_id"].to_list() == ["c1", "c2", "c3", "c4"]
    tokens = [(row["input_tokens"], 50) for row in answers]
    assert actual["input_tokens"].sum() == sum(given for given, _ in tokens)
    pico = sum(round(cost * 10**12) for cost in actual["cost_usd"])
    assert pico == sum(given * 500_000 + written * 2_500_000 for given, written in tokens)


@pytest.mark.parametrize("bucket_rows", [1, 3, 7, 1000])
def test_buckets_hold_the_same_verdicts_as_one_merge(
    bucket_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Merging by ranges of record id gives every verdict once, wherever the comment is that it is judged as."""
    monkeypatch.setattr(frames_module, "ROWS", bucket_rows)
    valid = factories.valid(*({"text": f"文{number % 13}"} for number in range(40)))
    first = valid.group_by("text_sha256", maintain_order=True).agg(judged_as=pl.col("record_id").first())
    pairs = (
        valid.join(first, on="text_sha256", maintain_order="left")
        .filter(pl.col("record_id") != pl.col("judged_as"))
        .select("record_id", "judged_as")
    )
    requests = [
        {"record_id": record, "text_sha256": sha} for sha, record in first.select("text_sha256", "judged_as").rows()
    ]
    answers = [{"record_id": row["record_id"]} for row in requests[2:]]
    plan, frames = factories.plan(), (valid.lazy(), pairs.lazy())
    expected = merge(*frames, best(requests, answers), plan, True).collect().sort("comment_id")
    found = Frames.of(*frames, *inputs(requests, answers), tmp_path)
    actual = list(merge_in_buckets(found, plan, True, row_count=valid.height))
    assert len(actual) == max(1, -(-40 // bucket_rows))
    assert_frame_equal(pl.concat(part.verdicts for part in actual).sort("comment_id"), expected)
    assert expected.height == 40
    (used,) = add_up(part.usage for part in actual)
    alone = expected.filter((pl.col("decided_by") == "model") & pl.col("input_tokens").is_not_null())
    sizes = alone.join(valid, on="comment_id")["text_bytes"]
    assert (used.language, used.record_count, used.text_bytes) == ("ja", 11, sizes.sum())
    assert (used.input_tokens, used.output_tokens) == (11_000, 550)
    assert (used.squared_bytes, used.bytes_times_tokens) == ((sizes * sizes).sum(), 1000 * sizes.sum())


def test_a_text_that_everybody_writes_makes_no_range_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Duplicates stay in their own range, in order of record id, and still have the verdict of the first of them."""
    monkeypatch.setattr(frames_module, "ROWS", 5)
    valid = factories.valid(*({"text": "同じ文"} for _ in range(40)))
    first, *others = valid["record_id"].to_list()
    pairs = factories.duplicates(*((other, first) for other in others))
    found = inputs([{"record_id": first, "text_sha256": valid["text_sha256"][0]}], [{"record_id": first}])
    frames = Frames.of(valid.lazy(), pairs.lazy(), *found, tmp_path)
    parts = [part.verdicts for part in merge_in_buckets(frames, factories.plan(), True, 40)]
    whole = pl.concat(parts)
    assert max(part.height for part in parts) < 20
    assert whole["comment_id"].to_list() == valid.sort("record_id")["comment_id"].to_list()
    assert whole["status"].unique().to_list() == ["judged"]


def test_an_empty_day_is_one_empty_bucket(tmp_path: Path) -> None:
    """No valid rows: no verdicts, in the contract's schema."""
    empty = factories.valid().lazy()
    frames = Frames.of(empty, factories.duplicates().lazy(), *inputs([], []), tmp_path)
    (bucket,) = merge_in_buckets(frames, factories.plan(), True, 0)
    assert_frame_equal(bucket.verdicts, VERDICTS.empty())
    assert add_up([bucket.usage]) == ()


def test_only_requests_that_were_made_once_are_learnt_from() -> None:
    """Of a record that was asked twice only the total is known, and a duplicate asked nothing: neither is counted."""
    requests = [asked(0), asked(1, key="k1"), asked(1, key="k2", attempt=2)]
    answers = [answered(0), answered(1, key="k1", status="error"), answered(1, key="k2", attempt=2)]
    found = merged(requests, answers)
    (used,) = add_up([usage_by_language(VALID.lazy(), found.lazy())])
    assert (used.record_count, used.text_bytes) == (1, VALID["text_bytes"][0])


def test_verdicts_fit_the_published_schema() -> None:
    """Every column of the contract that may not be null is not null, whatever became of the comments."""
    table = arrow(merged([asked(0), asked(1)], [answered(0)]))
    assert table.schema == VERDICTS.arrow_schema
    required = [column.name for column in VERDICTS if not column.nullable]
    assert [name for name in required if table[name].null_count] == []


def test_a_summary_counts_verdicts() -> None:
    """Counts by status, violations and duplicates over all rows."""
    frame = factories.verdicts(
        {"violation": True, "category": "spam"},
        {},
        {"decided_by": "duplicate"},
        {"status": "missing", "violation": None},
    )
    expected = VerdictSummary(
        verdict_count=4,
        status_counts={"judged": 3, "missing": 1},
        violation_count=1,
        duplicate_count=1,
        cost_pico=5,
    )
    assert summarise(frame.lazy(), 5) == expected
    assert summarise(factories.verdicts().lazy(), 0) == VerdictSummary(
        verdict_count=0, status_counts={}, violation_count=0, duplicate_count=0, cost_pico=0
    )


def summary(judged: int, missing: int) -> VerdictSummary:
    counts = {"judged": judged, "missing": missing}
    return VerdictSummary(
        verdict_count=judged + missing, status_counts=counts, violation_count=0, duplicate_count=0, cost_pico=0
    )


@pytest.mark.parametrize(
    ("judged", "missing", "stops"),
    [
        pytest.param(0, 0, False, id="empty-day"),
        pytest.param(50, 50, False, id="at-limit"),
        pytest.param(49, 51, True, id="under-limit"),
        pytest.param(0, 1, True, id="none-judged"),
        pytest.param(100, 0, False, id="all-judged"),
    ],
)
def test_too_few_verdicts_stop_the_night(judged: int, missing: int, stops: bool) -> None:
    """Fewer judged than the fraction stops before publishing, with the counts by status."""
    said = rf"^{judged} of {judged + missing} comments judged \(judged {judged}, missing {missing}\), .*=0\.5"
    with pytest.raises(TooFewJudged, match=said) if stops else nullcontext():
        check_judged(summary(judged, missing), 0.5, JOBS)


def test_a_failed_job_is_named_with_bedrocks_own_words() -> None:
    """When too few were judged because a job failed, the operator reads Bedrock's message."""
    failed = factories.ledger_entry(job_status="Failed", job_message="role cannot be assumed")
    with pytest.raises(JobFailed, match=rf"job {failed.job_name} failed: role cannot be assumed"):
        check_judged(summary(0, 4), 0.5, (JOBS[0], failed))
    check_judged(summary(4, 0), 0.5, (failed,))


class Night:
    """The stage between answers and verdicts, below a local folder."""

    def __init__(self, root: Path) -> None:
        self.settings = factories.settings(root)
        self.outside = factories.local_adapters()
        self.plan = factories.plan()
        self.paths = RunPaths(self.settings, self.plan.run_date, self.plan.run_id)
        self.scratch = root / "scratch.parquet"
        self.send(VALID, self.paths.work("valid"))
        self.send(factories.duplicates(), self.paths.work("duplicates"))

    def send(self, frame: pl.DataFrame, uri: str) -> None:
        frame.write_parquet(self.scratch)
        self.outside.storage.send(self.scratch, uri)

    def job(self, key: str, requests: Sequence[factories.Row], answers: Sequence[factories.Row], **fields: Any) -> None:
        entry = factories.ledger_entry(
            **{
                "key": key,
                "job_arn": f"arn-{key}",
                "state": EntryState.COLLECTED,
                "requests_uri": self.paths.requests(key),
                "answers_uri": self.paths.answers(key),
            }
            | fields
        )
        self.send(factories.requests(*requests).select(REQUESTS.names), self.paths.requests(key))
        self.send(factories.answers(*answers).select(ANSWERS.names), self.paths.answers(key))
        self.outside.storage.put(self.paths.entry(key), entry.model_dump_json().encode())

    def merge(self) -> VerdictSummary:
        return merge_verdicts.merge_verdicts.fn(self.settings, self.plan, factories.NOW)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    found = Night(tmp_path)
    monkeypatch.setattr(adapters, "connect", lambda _: found.outside)
    return found


@pytest.mark.parametrize("bucket_rows", [3, 500_000])
def test_the_stage_writes_the_verdicts_of_what_serves(
    bucket_rows: int, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Collected jobs of this model, prompt and epoch count; others and live ones do not; the cost is exact."""
    monkeypatch.setattr(frames_module, "ROWS", bucket_rows)
    night.job("k1", [asked(0), asked(1)], [answered(0), answered(1)])
    night.job("k2", [asked(2)], [answered(2)], prompt_sha256="f" * 64)
    night.job("k3", [asked(3)], [], state=EntryState.SUBMITTED, answers_uri=None)
    actual = night.merge()
    assert actual.status_counts == {"judged": 2, "missing": 2}
    assert actual.cost_pico == 2 * (1000 * 500_000 + 50 * 2_500_000)
    written = pl.read_parquet(night.paths.work("verdicts")).sort("comment_id")
    assert written["status"].to_list() == ["judged", "judged", "missing", "missing"]
    assert written.schema == VERDICTS.polars_schema


def test_a_night_with_too_few_verdicts_leaves_no_frame(night: Night) -> None:
    """Stopped before publishing: no verdicts for a later stage to find."""
    night.job("k1", [asked(0)], [answered(0)])
    with pytest.raises(TooFewJudged):
        night.merge()
    assert not Path(night.paths.work("verdicts")).exists()


def test_an_explanation_that_quotes_its_comment_is_replaced() -> None:
    """The verdict stays, the quotation does not: neither for the comment nor for its duplicate."""
    pairs = factories.duplicates((IDS[1], IDS[0]))
    texts = VALID.with_columns(text=pl.lit("店長は頭が悪いので消えろ"), text_sha256=pl.lit(TEXTS[0]))
    found = best(
        [asked(0), asked(2, text_sha256=TEXTS[0])], [answered(0, explanation="「頭が悪いので消えろ」"), answered(2)]
    )
    actual = merge(texts.lazy(), pairs.lazy(), found, factories.plan(), True).collect().sort("comment_id")
    assert actual["explanation"].to_list() == [REMOVED, REMOVED, "an advert", None]
    assert actual["violation"].to_list() == [True, True, True, None]

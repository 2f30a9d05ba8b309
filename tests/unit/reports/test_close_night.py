"""A night is published when its row is in `nights`: what the row says, and what counts as published."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.documents.balance import Balance
from data_contracts.documents.ledger import EntryState
from data_contracts.documents.preflight import Preflight
from data_contracts.documents.summary import Night
from data_contracts.documents.usage import LanguageUsage
from data_contracts.tables.metrics import METRICS
from data_contracts.tables.verdicts import NIGHTS
from tasks import adapters
from tasks.alerts.send_alerts import AlertSummary
from tasks.base.paths import DayPaths, RunPaths
from tasks.batch.estimate.learnt import learn_rates
from tasks.intake.checked_frames import ValidationSummary
from tasks.ledger.nights import is_settled, read_published
from tasks.ledger.run_records import clear_scratch
from tasks.measure.metrics_table import read_day
from tasks.reports.close_night import close_night, night_row
from tasks.verdicts.best_answers import VerdictSummary
from tasks.verdicts.find_published import find_published
from tests import factories
from tests.closed_night import BOOKS, night

OTHER_DAY = date(2026, 11, 18)


def metrics(*rows: dict[str, Any]) -> pl.DataFrame:
    given: dict[str, Any] = {
        "date": factories.RUN_DATE,
        "metric": "volume",
        "slice": "all",
        "kind": "count",
        "value": 1.0,
        "state": "ok",
        "method": "count",
        "measured_at": factories.NOW,
        "verdicts_run_id": factories.RUN_ID,
        "run_id": factories.RUN_ID,
    }
    return pl.DataFrame([given | row for row in rows], schema=METRICS.polars_schema)


def test_the_latest_measurement_of_each_slice_counts(tmp_path: Path) -> None:
    """Of several measurements of one (metric, slice) the latest counts; other days do not; order is by name."""
    later = factories.NOW + timedelta(hours=1)
    frame = metrics(
        {"metric": "volume", "measured_at": later, "value": 2.0},
        {"metric": "volume", "value": 1.0},
        {"metric": "accuracy", "slice": "language=ja", "value": 3.0},
        {"metric": "accuracy", "slice": "all", "value": 4.0},
        {"metric": "volume", "date": OTHER_DAY, "measured_at": later, "value": 5.0},
    )
    outside, paths = factories.local_adapters(), DayPaths(factories.settings(tmp_path), factories.RUN_DATE)
    outside.lake.append(paths.lake("metrics"), METRICS, frame, {})
    actual = read_day(outside, paths)
    assert actual.select("metric", "slice", "value").rows() == [
        ("accuracy", "all", 4.0),
        ("accuracy", "language=ja", 3.0),
        ("volume", "all", 2.0),
    ]
    assert actual.schema == METRICS.polars_schema


def test_a_night_is_one_row() -> None:
    """The row has every count, with 0 for a status that no verdict has."""
    expected = pl.DataFrame(
        {
            "date": [factories.RUN_DATE],
            "run_id": [factories.RUN_ID],
            "plan_sha256": [factories.plan().sha256],
            "ingested_count": [10],
            "valid_count": [8],
            "rejected_count": [2],
            "duplicate_count": [1],
            "judged_count": [7],
            "refused_count": [0],
            "malformed_count": [0],
            "error_count": [0],
            "missing_count": [1],
            "violation_count": [3],
            "input_tokens": [8000],
            "output_tokens": [400],
            "estimated_cost_usd": [0.006],
            "cost_usd": [0.005],
            "unattributed_cost_usd": [0.000625],
            "canary_cost_usd": [0.0],
            "golden_cost_usd": [0.0],
            "estimated_input_tokens": [9000],
            "estimated_output_tokens": [420],
            "estimate_source": ["learnt"],
            "review_count": [1],
            "flip_count": [0],
            "model_id": [factories.MODEL_ID],
            "prompt_version": ["v1"],
            "prompt_sha256": ["a" * 64],
            "published_at": [factories.NOW],
        },
        schema=NIGHTS.polars_schema,
    )
    assert_frame_equal(night_row(night(), factories.plan(), factories.NOW), expected)


def test_unknown_costs_stay_null_in_the_row() -> None:
    """A night of unknown cost has null dollars, never 0."""
    unknown = {"ledger_cost_usd": None, "verdict_cost_usd": None, "unattributed_cost_usd": None}
    books = BOOKS.model_copy(update=unknown)
    row = night_row(night(balance=books, estimated_cost_usd=None), factories.plan(), factories.NOW)
    assert row.select("estimated_cost_usd", "cost_usd", "unattributed_cost_usd").row(0) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "was", "expected"),
    [
        pytest.param({}, 0, True, id="the-same-plan"),
        pytest.param({"run_id": "tonight"}, 0, True, id="planned-by-another-run"),
        pytest.param({"inputs": ()}, 0, False, id="other-input"),
        pytest.param({"run_date": OTHER_DAY}, 0, False, id="other-day"),
        pytest.param({"epoch": 1}, 0, False, id="a-higher-epoch-asks-again"),
        pytest.param({"epoch": 1}, 1, True, id="in-that-epoch-already"),
        pytest.param({}, 1, True, id="a-plain-night-after-a-higher-epoch"),
        pytest.param({"inputs": ()}, 1, False, id="other-input-after-a-higher-epoch"),
        pytest.param({"model_id": "anthropic.claude-opus-5"}, 1, False, id="other-model-after-a-higher-epoch"),
    ],
)
@pytest.mark.parametrize("is_of_an_earlier_version", [False, True])
def test_a_day_is_settled_by_its_input_prompt_and_model(
    change: dict[str, Any], was: int, expected: bool, is_of_an_earlier_version: bool
) -> None:
    """Whatever epoch the day was judged in, only a higher one or something else to judge it by asks for it again;
    rows of earlier versions, whose hashes hold the epoch, say the same."""
    published = factories.plan(epoch=was)
    stored = published.sha256_with(was) if is_of_an_earlier_version else published.sha256
    assert is_settled(factories.plan(**change), stored, was) == expected


def test_an_unpublished_day_has_no_row() -> None:
    """The row that counts is the day's own."""
    nights = night_row(night(), factories.plan(), factories.NOW).lazy()
    assert read_published(nights, factories.RUN_DATE) == (factories.RUN_ID, factories.plan().sha256)
    assert read_published(nights, OTHER_DAY) is None


class Closing:
    """A night that has come to its last stage, below a local folder."""

    def __init__(self, root: Path) -> None:
        self.settings = factories.settings(root)
        self.outside = factories.local_adapters()
        self.plan = factories.plan()
        self.paths = RunPaths(self.settings, self.plan.run_date, self.plan.run_id)
        self.usage: tuple[LanguageUsage, ...] = ()

    def close(self, books: Balance = BOOKS) -> Night:
        return close_night.fn(
            self.settings,
            self.plan,
            ValidationSummary(ingested_count=10, valid_count=8, rejected_counts={"null_text": 2}),
            VerdictSummary(
                verdict_count=8,
                status_counts={"judged": 7, "missing": 1},
                violation_count=3,
                duplicate_count=1,
                cost_pico=4_375_000_000,
                usage=self.usage,
            ),
            books,
            AlertSummary(),
            {"ingest": 1.0},
            factories.NOW,
        )


@pytest.fixture
def closing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Closing:
    found = Closing(tmp_path)
    monkeypatch.setattr(adapters, "connect", lambda _: found.outside)
    return found


def test_a_published_day_whose_job_nobody_read_is_not_done(closing: Closing) -> None:
    """A run that woke up late made a job after its successor had published: the next run reads and books it."""
    closing.close()
    late = factories.ledger_entry(state=EntryState.SUBMITTED, job_arn="arn:late")
    factories.put_entry(closing.outside.storage, closing.paths, late)
    assert find_published.fn(closing.settings, closing.plan) is None


@pytest.mark.parametrize(
    "change",
    [pytest.param({"epoch": 1}, id="higher-epoch"), pytest.param({"prompt_sha256": "c" * 64}, id="other-prompt")],
)
def test_a_job_that_somebody_else_waits_for_is_no_reason(closing: Closing, change: dict[str, Any]) -> None:
    """What a backfill ordered and has not finished is its own affair: a plain night does not publish half of it."""
    closing.close()
    theirs = factories.ledger_entry(state=EntryState.SUBMITTED, job_arn="arn:theirs", **change)
    factories.put_entry(closing.outside.storage, closing.paths, theirs)
    assert find_published.fn(closing.settings, closing.plan) == factories.RUN_ID


def test_a_closed_night_is_published_and_a_second_closing_changes_nothing(closing: Closing) -> None:
    """Before the row nobody published the plan; after it the run did, with one row however often it is closed."""
    assert find_published.fn(closing.settings, closing.plan) is None
    assert closing.close() == closing.close()
    assert find_published.fn(closing.settings, closing.plan) == factories.RUN_ID
    rows = closing.outside.lake.scan(closing.paths.lake("nights"), NIGHTS).collect()
    nothing = {"estimated_cost_usd": 0.0, "estimated_input_tokens": 0, "estimated_output_tokens": 0}
    row = night_row(night(**nothing, estimate_source=None), closing.plan, factories.NOW)
    assert_frame_equal(rows, row)


def test_the_estimate_stands_beside_the_actual(closing: Closing) -> None:
    """Tokens and dollars of all of the day's intents, and the source of most of them, in the summary and in the row."""
    for shard, source, tokens in ((0, "count_tokens", 9000), (1, "constants", 100), (2, None, 5)):
        entry = factories.ledger_entry(
            shard=shard, estimate_source=source, estimated_input_tokens=tokens, estimated_output_tokens=7
        )
        factories.put_entry(closing.outside.storage, closing.paths, entry)
    closed = closing.close()
    told = (closed.estimated_input_tokens, closed.estimated_output_tokens, closed.estimate_source)
    assert told == (9105, 21, "count_tokens")
    row = closing.outside.lake.scan(closing.paths.lake("nights"), NIGHTS).collect().row(0, named=True)
    assert (row["estimated_input_tokens"], row["estimated_output_tokens"], row["estimate_source"]) == told


def test_what_was_found_before_the_first_job_is_in_the_summary(closing: Closing) -> None:
    """The preflight's warnings are told again with the night, which is when people look."""
    found = Preflight(canary="judged", warnings=("the model ends on 2027-01-01",))
    closing.outside.storage.put(closing.paths.file("preflight.json"), found.model_dump_json().encode())
    assert closing.close().warnings == found.warnings


def test_answers_without_token_counts_are_told_with_the_night(closing: Closing) -> None:
    """A cost that is unknown says why."""
    entry = factories.ledger_entry(state=EntryState.COLLECTED, usage=factories.usage(unreported_count=3))
    factories.put_entry(closing.outside.storage, closing.paths, entry)
    assert closing.close().warnings == ("3 answers came without token counts: what the night cost is not known",)


def test_what_the_requests_used_is_kept_for_later_estimates(closing: Closing) -> None:
    """The day's sums lie where the next nights learn from them."""
    used = LanguageUsage(
        language="ja",
        record_count=40,
        text_bytes=1200,
        input_tokens=40_480,
        output_tokens=1600,
        squared_bytes=36_000,
        bytes_times_tokens=1_214_400,
    )
    closing.usage = (used,)
    closing.close()
    tomorrow = DayPaths(closing.settings, closing.plan.run_date + timedelta(1))
    learnt = learn_rates(closing.outside.storage, tomorrow, closing.plan)
    assert learnt is not None
    assert (list(learnt.lines), learnt.output_tokens) == (["ja"], 40)


def test_the_runs_files_say_what_the_night_amounts_to(closing: Closing) -> None:
    """Summary, report and the copy of the ledger are there, and the summary reads back as what was returned."""
    entry = factories.ledger_entry(state=EntryState.COLLECTED, usage=factories.usage(cost_usd=0.005))
    factories.put_entry(closing.outside.storage, closing.paths, entry)
    closed = closing.close()
    stored = Path(closing.paths.file("summary.json")).read_text()
    assert Night.model_validate_json(stored) == closed
    assert closed.estimated_cost_usd == entry.estimated_cost_usd
    assert closed.alerts["titles"] == []
    jobs = json.loads(Path(closing.paths.file("ledger.json")).read_text())
    assert [job["job_name"] for job in jobs] == [entry.job_name]
    assert "<html" in Path(closing.paths.file("report.html")).read_text()


def test_the_confusion_matrices_of_the_run_are_told(closing: Closing) -> None:
    """What measuring left in the run's folder is in the summary; a run without it has none."""
    assert closing.close().confusion == []
    counts = {"true_positive": 1, "false_positive": 2, "false_negative": 3, "true_negative": 4}
    matrix = {"slice": "all", **counts, **{f"estimated_{name}": None for name in counts}}
    closing.outside.storage.put(closing.paths.file("confusion.json"), json.dumps([matrix]).encode())
    assert [item.model_dump() for item in closing.close().confusion] == [matrix]


def test_an_estimate_without_a_price_makes_the_nights_unknown(closing: Closing) -> None:
    """One job of unknown price: the night's estimate is null."""
    for shard, estimated in enumerate((0.01, None)):
        entry = factories.ledger_entry(shard=shard, estimated_cost_usd=estimated)
        factories.put_entry(closing.outside.storage, closing.paths, entry)
    assert closing.close().estimated_cost_usd is None


def test_a_runs_scratch_is_cleared_and_nothing_else(closing: Closing) -> None:
    """The frames that hold the comments' text go, however the run ended; the run's documents stay."""
    other = RunPaths(closing.settings, factories.RUN_DATE, "another-run")
    kept = [closing.paths.file("plan.json"), other.work("valid")]
    for uri in (closing.paths.work("valid"), closing.paths.work("verdicts"), *kept):
        closing.outside.storage.put(uri, b"x")
    clear_scratch(closing.settings, factories.RUN_DATE, factories.RUN_ID)
    assert closing.outside.storage.list(closing.paths.work_folder) == []
    assert all(Path(uri).exists() for uri in kept)
    clear_scratch(closing.settings, factories.RUN_DATE, factories.RUN_ID)

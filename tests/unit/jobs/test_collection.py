"""What a job answered and what it cost, whatever order its lines come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.documents.ledger import EntryState, LedgerEntry, Usage
from data_contracts.tables.verdicts import ANSWERS
from tasks import adapters
from tasks.base.errors import LeaseLost, WorkersLost
from tasks.base.paths import DayPaths
from tasks.base.steps import working_with
from tasks.jobs.collect_answers import collect_answers
from tasks.jobs.collection import CollectionSummary
from tasks.jobs.output import Collected, collect
from tasks.ledger.entries import read_ledger
from tasks.ledger.lease import Holder
from tasks.ledger.prices import Price
from tasks.llm.families.claude import Claude
from tasks.llm.prompt import load_prompt
from tasks.llm.request_line import RequestTemplate
from tests import factories
from tests.factories import answer_text, claude_output, error_line, output_line

T = TypeVar("T")
R = TypeVar("R")

PRICE = Price(500_000, 2_500_000)
TEMPLATE = RequestTemplate(Claude(), factories.prompt())
ATTEMPTS = {"r1": 1, "r2": 1, "r3": 2}

FINE = answer_text(violation=False, category="none", explanation="")
JUDGED = output_line("r1")
ALSO_JUDGED = output_line("r1", claude_output(FINE, input_tokens=1, output_tokens=1))
MALFORMED = output_line("r1", claude_output("hm", input_tokens=7, output_tokens=3))
REFUSED = output_line("r1", claude_output("", "refusal", input_tokens=5, output_tokens=0))


def gather(*lines: bytes, price: Price | None = PRICE, attempts: dict[str, int] = ATTEMPTS) -> Collected:
    return collect(lines, attempts, Claude(), factories.prompt(), price, factories.NOW)


def test_each_record_with_a_line_is_an_answer() -> None:
    """One row per record with a line, in order of id, with verdict or reason, tokens and attempt."""
    actual = gather(error_line("r3", "500", "internal"), JUDGED).answers
    expected = pl.DataFrame(
        {
            "record_id": ["r1", "r3"],
            "status": ["judged", "error"],
            "status_detail": [None, "500: internal"],
            "violation": [True, None],
            "category": ["spam", None],
            "confidence": [0.9, None],
            "explanation": ["an advert", None],
            "input_tokens": [1000, None],
            "output_tokens": [50, None],
            "attempt": [1, 2],
            "decided_at": [factories.NOW] * 2,
        },
        schema=ANSWERS.polars_schema,
    )
    assert_frame_equal(actual, expected)


def test_a_job_without_output_has_no_answers_and_no_cost() -> None:
    """No lines: no rows, nothing used; an unknown price stays unknown."""
    actual = gather()
    assert_frame_equal(actual.answers, ANSWERS.empty())
    assert actual.usage == Usage(cost_usd=0.0, unattributed_cost_usd=0.0, input_pico=500_000, output_pico=2_500_000)
    assert gather(price=None).usage == Usage()


@pytest.mark.parametrize(
    ("lines", "status", "tokens"),
    [
        pytest.param([JUDGED, MALFORMED], "judged", 1000, id="well-formed-before-malformed"),
        pytest.param([JUDGED, REFUSED], "judged", 1000, id="well-formed-before-refused"),
        pytest.param([JUDGED, error_line("r1")], "judged", 1000, id="well-formed-before-error"),
        pytest.param([JUDGED, JUDGED], "judged", 1000, id="the-same-line-twice"),
        pytest.param([MALFORMED, error_line("r1")], "malformed", 7, id="an-answer-before-none"),
        pytest.param([REFUSED, error_line("r1")], "refused", 5, id="a-refusal-before-none"),
    ],
)
def test_of_several_lines_the_well_formed_one_counts(lines: list[bytes], status: str, tokens: int) -> None:
    """Whichever came first, the line that the contract accepts is the record's answer; the other is paid for."""
    for order in (lines, lines[::-1]):
        actual = gather(*order)
        assert actual.answers.select("status", "input_tokens").rows() == [(status, tokens)]
        assert (actual.usage.answered_count, actual.usage.repeated_record_count) == (1, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(JUDGED, ALSO_JUDGED, id="two-verdicts"),
        pytest.param(MALFORMED, REFUSED, id="two-outputs-without-verdict"),
        pytest.param(error_line("r1", 400, "a"), error_line("r1", 400, "b"), id="two-errors"),
        pytest.param(error_line("r1", 400, "a"), error_line("r1", "400", "a"), id="two-spellings-of-a-code"),
    ],
)
def test_of_equally_good_lines_the_smallest_bytes_count(one: bytes, other: bytes) -> None:
    """Neither of two lines is preferred for coming first."""
    first, second = gather(one, other), gather(other, one)
    assert_frame_equal(first.answers, second.answers)
    assert first.usage == second.usage


def test_of_two_errors_the_smaller_one_counts() -> None:
    """Smallest bytes: message "a" before message "b"."""
    lines = (error_line("r1", 400, "b"), error_line("r1", 400, "a"))
    assert gather(*lines).answers["status_detail"].to_list() == ["400: a"]


def test_tokens_of_every_line_are_booked() -> None:
    """All lines were paid for: those that do not count, and those nobody asked for, are unattributed."""
    actual = gather(
        output_line("r1", claude_output(input_tokens=1000, output_tokens=50)),
        output_line("r1", claude_output("hm", input_tokens=100, output_tokens=5)),
        output_line("r2", claude_output("", "refusal", input_tokens=10, output_tokens=0)),
        output_line("nobody", claude_output(input_tokens=3, output_tokens=2)),
        error_line("r3"),
    ).usage
    expected = Usage(
        input_tokens=1113,
        output_tokens=57,
        unattributed_input_tokens=103,
        unattributed_output_tokens=7,
        cost_usd=(1113 * 500_000 + 57 * 2_500_000) / 10**12,
        unattributed_cost_usd=(103 * 500_000 + 7 * 2_500_000) / 10**12,
        input_pico=500_000,
        output_pico=2_500_000,
        line_count=5,
        answered_count=3,
        unknown_record_count=1,
        repeated_record_count=1,
    )
    assert actual == expected


@pytest.mark.parametrize(
    ("lines", "unreported", "is_known"),
    [
        pytest.param([JUDGED], 0, True, id="counted"),
        pytest.param([error_line("r1")], 0, True, id="an-error-costs-nothing"),
        pytest.param([output_line("r1", claude_output() | {"usage": {}})], 1, False, id="a-verdict-without-counts"),
        pytest.param([output_line("r1", {"other": "shape"})], 1, False, id="an-output-of-another-shape"),
        pytest.param([JUDGED, output_line("nobody", {})], 1, False, id="an-unknown-record-without-counts"),
        pytest.param(
            [output_line("r1", claude_output() | {"usage": {"input_tokens": 9}})], 1, False, id="half-of-the-counts"
        ),
    ],
)
def test_an_answer_without_token_counts_makes_the_cost_unknown(
    lines: list[bytes], unreported: int, is_known: bool
) -> None:
    """It was paid for, and nobody knows how much: the cost is null, never too low, and such answers are counted."""
    usage = gather(*lines).usage
    assert usage.unreported_count == unreported
    assert (usage.cost_usd is not None, usage.unattributed_cost_usd is not None) == (is_known, is_known)


def test_without_a_price_the_cost_is_unknown() -> None:
    """Tokens are booked, dollars are null: never 0."""
    usage = gather(JUDGED, price=None).usage
    assert (usage.input_tokens, usage.cost_usd, usage.unattributed_cost_usd) == (1000, None, None)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(claude_output() | {"usage": {}}, (None, None), id="no-counts"),
        pytest.param(claude_output() | {"usage": {"input_tokens": 9}}, (9, None), id="one-count"),
        pytest.param(claude_output() | {"usage": {"input_tokens": "9", "output_tokens": -1}}, (None, None), id="junk"),
    ],
)
def test_tokens_that_were_not_reported_are_null_in_the_answer(
    output: dict[str, Any], expected: tuple[int | None, int | None]
) -> None:
    """An answer without token counts has null tokens; the job's sums leave them out."""
    actual = gather(output_line("r1", output))
    assert actual.answers.select("input_tokens", "output_tokens").row(0) == expected
    assert actual.usage.input_tokens == (expected[0] or 0)


DEEP = b'{"recordId":"r1","modelOutput":{"content":' + b"[" * 300 + b"]" * 300 + b"}}\n"


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param(b"not json\n", id="not-json"),
        pytest.param(JUDGED[:-20], id="cut-off"),
        pytest.param(b"[1, 2]\n", id="no-object"),
        pytest.param(b'"r1"\n', id="text"),
        pytest.param(b"{}\n", id="no-record"),
        pytest.param(b'{"recordId": 1, "modelOutput": {}}\n', id="record-is-no-text"),
        pytest.param(b'{"recordId":"r1","modelOutput":"text"}\n', id="output-is-no-object"),
        pytest.param(b"\xff\xfe\n", id="not-utf-8"),
        pytest.param(b'{"processedRecordCount": 2}\n', id="manifest"),
        pytest.param(b"[" * 5000 + b"\n", id="nested-without-end"),
    ],
)
def test_a_line_that_is_no_output_is_counted_and_stops_nothing(junk: bytes) -> None:
    """What cannot be read belongs to no record; the other lines are read."""
    actual = gather(junk, output_line("r2"))
    assert actual.answers["record_id"].to_list() == ["r2"]
    assert (actual.usage.line_count, actual.usage.unknown_record_count) == (2, 1)


def test_a_line_nested_deeper_than_can_be_written_stops_nothing() -> None:
    """A line that can be read but not written again is malformed or junk, never a crash."""
    usage = gather(DEEP, output_line("r2")).usage
    assert usage.line_count == 2


@pytest.mark.parametrize("spelt", [b"\\ud800", b"\\\\ud800"], ids=["in-the-line", "in-the-answer"])
@pytest.mark.parametrize("place", ["an advert", "spam", "end_turn"])
def test_half_a_character_stops_nothing(spelt: bytes, place: str) -> None:
    """JSON can spell a lone surrogate anywhere: the line is its record's, and every column can be stored."""
    line = JUDGED.replace(place.encode(), spelt)
    actual = gather(line, line)
    assert actual.answers["record_id"].to_list() == ["r1"]
    assert actual.usage.input_tokens == 2000


def test_the_echo_of_the_input_decides_nothing() -> None:
    """Of two lines with differing answers the same one counts, whatever their echoes are."""
    for echo, other in (("a", "b"), ("b", "a")):
        lines = (output_line("r1", modelInput=echo), output_line("r1", claude_output(FINE), modelInput=other))
        assert gather(*lines).answers["category"].to_list() == ["none"]


def test_blank_lines_are_no_lines() -> None:
    """Empty lines between or after records say nothing."""
    assert gather(b"\n", JUDGED, b"  \r\n").usage.line_count == 1


def test_a_last_line_without_its_end_is_a_line() -> None:
    """A file need not end with a line break."""
    assert gather(JUDGED.rstrip()).answers.height == 1


_LINES = st.lists(
    st.sampled_from(
        [
            JUDGED,
            ALSO_JUDGED,
            MALFORMED,
            REFUSED,
            error_line("r1", 400, "a"),
            error_line("r1", "500", "b"),
            output_line("r2"),
            output_line("r2", claude_output(FINE)),
            output_line("r3", claude_output("no")),
            error_line("r3"),
            output_line("nobody"),
            b"junk\n",
            b"\n",
        ]
    ),
    max_size=10,
)


@hypothesis_settings(max_examples=60)
@given(_LINES.flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))))
def test_the_order_of_the_lines_changes_nothing(orders: tuple[list[bytes], list[bytes]]) -> None:
    """Bedrock's output is in any order: answers and usage are the same for each."""
    one, other = (gather(*lines) for lines in orders)
    assert_frame_equal(one.answers, other.answers)
    assert one.usage == other.usage


@hypothesis_settings(max_examples=60)
@given(_LINES)
def test_every_token_is_booked_once(lines: list[bytes]) -> None:
    """Tokens of all lines are those of the answers plus the unattributed ones."""
    actual = gather(*lines)
    reported = [
        orjson.loads(line)["modelOutput"]["usage"]["input_tokens"] for line in lines if b'"input_tokens"' in line
    ]
    assert actual.usage.input_tokens == sum(reported)
    attributed = int(actual.answers["input_tokens"].sum())
    assert attributed + actual.usage.unattributed_input_tokens == actual.usage.input_tokens
    assert actual.usage.cost_usd is not None
    assert actual.answers["record_id"].is_unique().all()


class Night:
    """A day's ledger and Bedrock's output below a local folder."""

    def __init__(self, root: Path) -> None:
        self.settings = factories.settings(root)
        self.outside = factories.local_adapters()
        self.paths = DayPaths(self.settings, factories.RUN_DATE)
        self.scratch = root / "scratch.parquet"

    def job(self, shard: int, status: str | None, *records: str, **overrides: Any) -> LedgerEntry:
        """A submitted job that was asked these records."""
        key = f"{shard:064x}"
        entry = factories.ledger_entry(
            **{
                "key": key,
                "shard": shard,
                "state": EntryState.SUBMITTED,
                "job_arn": f"{factories.JOB_ARN}{shard}",
                "job_status": status,
                "record_count": len(records),
                "input_uri": self.paths.batch_input(key, shard),
                "requests_uri": self.paths.requests(key),
                "output_uri": self.paths.batch_output(key),
            }
            | overrides
        )
        rows = [{"record_id": record, "text_sha256": "t1", "attempt": 1} for record in records]
        factories.requests(*rows).drop("key").write_parquet(self.scratch)
        self.outside.storage.send(self.scratch, entry.requests_uri)
        factories.put_entry(self.outside.storage, self.paths, entry)
        return entry

    def output(self, entry: LedgerEntry, name: str, *lines: bytes) -> None:
        assert entry.job_arn is not None
        folder = entry.output_uri + entry.job_arn.rsplit("/", 1)[-1]
        self.outside.storage.put(f"{folder}/{name}", b"".join(lines))

    def collect(self) -> CollectionSummary:
        return collect_answers.fn(self.settings, factories.plan(), factories.NOW)

    def entries(self) -> list[LedgerEntry]:
        return read_ledger(self.outside.storage, self.paths)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    found = Night(tmp_path)
    monkeypatch.setattr(adapters, "connect", lambda _: found.outside)
    return found


def real_line(record: str, tokens: int) -> bytes:
    return output_line(record, claude_output(input_tokens=tokens, output_tokens=0))


def test_the_stage_reads_all_output_files_of_a_job_and_no_others(night: Night) -> None:
    """Every .jsonl.out of the job's own folder counts; the manifest and other jobs' folders do not."""
    entry = night.job(0, "Completed", "r1", "r2", "r3")
    night.output(entry, "shard-00000.jsonl.out", real_line("r1", 10))
    night.output(entry, "more/shard-00001.jsonl.out", real_line("r2", 20))
    night.output(entry, "manifest.json.out", b'{"totalRecordCount": 3}')
    night.output(entry.model_copy(update={"job_arn": f"{factories.JOB_ARN}-other"}), "x.jsonl.out", real_line("r3", 9))
    actual = night.collect()
    assert (actual.job_count, actual.status_counts, actual.missing_count) == (1, {"judged": 2}, 1)
    assert actual.cost_usd == 30 * 500_000 / 10**12
    (booked,) = night.entries()
    assert (booked.state, booked.collected_at) == (EntryState.COLLECTED, factories.NOW)
    assert booked.usage is not None
    assert booked.usage.input_tokens == 30
    assert booked.answers_uri == night.paths.answers(entry.key)
    assert pl.read_parquet(booked.answers_uri)["record_id"].to_list() == ["r1", "r2"]


@pytest.mark.parametrize("status", ["Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"])
def test_every_ended_job_is_read(status: str, night: Night) -> None:
    """However a job ended, it may have left answers: they are read and kept."""
    entry = night.job(0, status, "r1", job_message="some message")
    night.output(entry, "shard-00000.jsonl.out", real_line("r1", 10))
    actual = night.collect()
    assert actual.status_counts == {"judged": 1}
    assert actual.messages == (f"{entry.job_name} {status}: some message",)


@pytest.mark.parametrize("status", [None, "Submitted", "Validating", "Scheduled", "InProgress", "Stopping"])
def test_a_job_that_has_not_ended_is_left_alone(status: str | None, night: Night) -> None:
    """Only an ended job is booked."""
    night.job(0, status, "r1")
    assert night.collect() == CollectionSummary(
        job_count=0, status_counts={}, missing_count=0, cost_usd=0.0, messages=()
    )
    assert night.entries()[0].state is EntryState.SUBMITTED


def test_a_job_is_booked_once(night: Night) -> None:
    """A second look finds nothing to book, even if the output has changed since."""
    entry = night.job(0, "Completed", "r1")
    night.output(entry, "shard-00000.jsonl.out", real_line("r1", 10))
    night.collect()
    before = night.entries()
    night.output(entry, "shard-00000.jsonl.out", real_line("r1", 10_000))
    assert night.collect().job_count == 0
    assert night.entries() == before


def test_a_job_without_any_output_is_missing_all_its_records(night: Night) -> None:
    """A failed job with no output folder is booked at no cost, all of its records missing."""
    night.job(0, "Failed", "r1", "r2", job_message="too few records")
    actual = night.collect()
    assert (actual.missing_count, actual.cost_usd, actual.status_counts) == (2, 0.0, {})
    assert night.entries()[0].state is EntryState.COLLECTED


def test_a_job_is_read_as_it_was_asked(night: Night) -> None:
    """The entry says how its job was asked, whatever the settings say by now."""
    assert night.settings.invocation_type == "auto"
    entry = night.job(0, "Completed", "r1", invocation_type="Converse")
    night.output(entry, "a.jsonl.out", output_line("r1", factories.message_output()))
    assert night.collect().status_counts == {"judged": 1}


def test_costs_of_jobs_add_up_and_one_unknown_makes_the_sum_unknown(night: Night) -> None:
    """The day's new cost is an exact sum; with a model of unknown price it is null, never too low."""
    for shard, tokens in enumerate((1, 2)):
        night.output(night.job(shard, "Completed", "r1"), "a.jsonl.out", real_line("r1", tokens))
    assert night.collect().cost_usd == 3 * 500_000 / 10**12
    for shard, model in enumerate((factories.MODEL_ID, "anthropic.claude-unlisted"), 2):
        night.output(night.job(shard, "Completed", "r1", model_id=model), "a.jsonl.out", real_line("r1", 1))
    assert night.collect().cost_usd is None
    assert [entry.usage.cost_usd for entry in night.entries() if entry.usage] == [5e-07, 1e-06, 5e-07, None]


@pytest.mark.parametrize("is_input_there", [True, False])
def test_calls_without_an_answer_are_booked_at_the_most(is_input_there: bool, night: Night) -> None:
    """Who called and died may have paid: what nobody asks again is booked as unattributed, never below what it cost."""
    entry = night.job(0, "Completed", "r1", "r2", "r3", mode="on_demand", job_arn=None, input_bytes=5_000)
    storage, folder = night.outside.storage, f"{entry.output_uri}on-demand"
    lines = {record: TEMPLATE.line(record, "a comment" * size) for record, size in (("r1", 1), ("r2", 100), ("r3", 9))}
    if is_input_there:
        storage.put(entry.input_uri, b"".join(lines.values()))
    for call in ("r1.0", "r2.0", "r2.1"):
        storage.put(f"{folder}/{call}.call", b"")
    storage.put(f"{folder}/r1.jsonl.out", real_line("r1", 10))
    night.collect()
    usage = night.entries()[0].usage
    assert usage is not None
    most = len(lines["r2"]) if is_input_there else 5_000
    assert (usage.input_tokens, usage.unattributed_input_tokens) == (10 + 2 * most, 2 * most)
    assert (
        usage.output_tokens
        == usage.unattributed_output_tokens
        == 2 * load_prompt(night.settings.prompt, night.settings.prompt_version).max_tokens
    )
    price = Price(1_000_000, 5_000_000)
    assert usage.cost_usd == price.cost_usd(usage.input_tokens, usage.output_tokens)
    assert (usage.answered_count, usage.repeated_call_count, usage.lost_call_count) == (1, 0, 2), "three calls"


@pytest.mark.parametrize(
    "holder",
    [
        pytest.param(Holder(run_id="another"), id="another-run-has-the-day"),
        pytest.param(Holder(run_id=factories.plan().run_id, is_released=True), id="the-run-has-ended"),
    ],
)
def test_whoever_works_for_a_run_that_lost_the_day_writes_nothing(holder: Holder, night: Night) -> None:
    """A worker that slept past the lease, or outlived its run: no answers are written, and nothing is booked."""
    entry = night.job(0, "Completed", "r1")
    night.output(entry, "input.jsonl.out", JUDGED)
    night.outside.storage.put(night.paths.lease, holder.model_dump_json().encode())
    with pytest.raises(LeaseLost, match=factories.plan().run_id):
        night.collect()
    assert night.outside.storage.get(night.paths.answers(entry.key)) is None
    assert night.entries() == [entry]


class OneIsLost:
    """A crew that loses what a part made of the first that it was given."""

    def work(self, part: Callable[[T], R], given: Sequence[T]) -> Iterator[tuple[T, R]]:
        """See Crew."""
        yield from ((one, part(one)) for one in given[1:])
        raise WorkersLost("a worker died, and another, and another")


def test_what_workers_have_read_is_booked_though_one_is_lost(night: Night) -> None:
    """Another try of the stage then has the lost one alone to read."""
    for shard in range(3):
        night.output(night.job(shard, "Completed", f"r{shard}"), "input.jsonl.out", output_line(f"r{shard}"))
    with working_with(OneIsLost()), pytest.raises(WorkersLost):
        night.collect()
    assert [entry.state is EntryState.COLLECTED for entry in night.entries()] == [False, True, True]
    assert night.collect().job_count == 1

"""How an entry of the ledger moves: what is legal is one table, the docs draw it, and the bytes on record stay."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from data_contracts.documents.ledger import EntryState, LedgerEntry, Mode, Usage
from tasks.base.errors import IllegalMove
from tasks.base.paths import DayPaths
from tasks.base.ports import JobStatus
from tasks.ledger.entries import read_ledger, record_move, write_intent
from tasks.ledger.moves import (
    Move,
    adopted,
    answered,
    called,
    called_first,
    closed,
    collected,
    ended,
    forgotten,
    intended,
    settled,
    stop_refused,
    submitted,
    turned_away,
    twin,
    unanswered,
    withdrawn,
)
from tasks.ledger.phases import EDGES, Edge, MoveName, Phase, phase_of
from tests import factories

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "ledger"
DOCS = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## The ledger's entry")[2]
NOW, LATER = factories.NOW, factories.NOW + timedelta(hours=1)
ARN = factories.JOB_ARN
STORAGE = factories.local_adapters().storage


@pytest.fixture
def paths(tmp_path: Path) -> DayPaths:
    """Where a day's ledger lies, in a folder of the test's own."""
    return DayPaths(factories.settings(tmp_path), factories.RUN_DATE)


def most(count: int) -> Usage:
    """The most that so many calls of a canary can have used."""
    return factories.usage(
        input_tokens=2000 * count,
        output_tokens=250 * count,
        cost_usd=0.00325 * count,
        unattributed_cost_usd=0.0,
        input_pico=1_000_000,
        output_pico=5_000_000,
        lost_call_count=count,
    )


def a_canary(call_count: int = 0) -> LedgerEntry:
    """A canary with so many calls on record."""
    return factories.ledger_entry(
        key="c" * 64,
        shard=-1,
        mode="canary",
        record_count=1,
        input_bytes=2000,
        job_name="canary-2026-11-19-cccccccccccccccc",
        call_count=call_count,
        usage=most(call_count) if call_count else None,
    )


def entries() -> Iterator[LedgerEntry]:
    """Entries of each mode in each phase, those that no move leads to included."""
    modes: tuple[Mode, ...] = ("batch", "on_demand")
    for mode in modes:
        yield factories.ledger_entry(mode=mode)
        for status in (None, *JobStatus):
            yield factories.ledger_entry(mode=mode, state=EntryState.SUBMITTED, job_status=status)
        yield factories.ledger_entry(mode=mode, state=EntryState.COLLECTED, job_status=JobStatus.COMPLETED)
    yield from map(a_canary, range(4))
    yield a_canary(2).model_copy(update={"state": EntryState.COLLECTED})


ENTRIES = list(entries())

#: Each move with what it may be told.
MOVES: dict[MoveName, list[Callable[[LedgerEntry], Move]]] = {
    "submitted": [lambda entry: submitted(entry, ARN, NOW)],
    "adopted": [lambda entry: adopted(entry, ARN, NOW)],
    "stop_refused": [lambda entry: stop_refused(entry, "no")],
    "ended": [lambda entry, status=status: ended(entry, status, None) for status in JobStatus],  # type: ignore[misc]
    "forgotten": [lambda entry: forgotten(entry, "the account was closed")],
    "closed": [lambda entry: closed(entry, NOW, is_whole=True), lambda entry: closed(entry, NOW, is_whole=False)],
    "collected": [lambda entry: collected(entry, "s3://answers", factories.usage(), NOW)],
    "called": [lambda entry: called(entry, most(entry.call_count + 1), "another run", 3000)],
    "withdrawn": [withdrawn],
    "turned_away": [lambda entry: turned_away(entry, most(entry.call_count - 1), "busy")],
    "unanswered": [lambda entry: unanswered(entry, "timed out")],
    "answered": [lambda entry: answered(entry, factories.usage(), None, NOW)],
    "settled": [lambda entry: settled(entry, "another run", 2)],
}
BEGINNINGS: dict[MoveName, Callable[[LedgerEntry], LedgerEntry]] = {
    "intended": lambda entry: intended(entry, 1),
    "twin": lambda entry: twin(entry, "k", ARN, "name", NOW),
    "called": lambda entry: called_first(entry, most(1)),
}


def legal_edges(entry: LedgerEntry) -> Iterator[Edge]:
    """The edges that moves take an entry along; for a new entry, from nothing."""
    for name, ways in MOVES.items():
        for way in ways:
            with suppress(IllegalMove):
                yield Edge(name, entry.mode, phase_of(entry), phase_of(way(entry).after))
    for name, begin in BEGINNINGS.items():
        with suppress(IllegalMove):
            yield Edge(name, entry.mode, None, phase_of(begin(entry)))


def test_the_moves_allow_what_the_table_says() -> None:
    """Every move was tried on every entry: what went through are the edges of the table, all of them and no other."""
    found = {edge for entry in ENTRIES for edge in legal_edges(entry)}
    assert found == set(EDGES)
    assert len(EDGES) == len(set(EDGES))
    assert MOVES.keys() | BEGINNINGS.keys() == set(get_args(MoveName))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.mode}-{phase_of(entry)}-{entry.job_status}")
def test_a_new_entry_begins_where_the_table_says(entry: LedgerEntry, paths: DayPaths) -> None:
    """Only what stands in a phase to which an edge from nothing leads is put on record anew."""
    begins = any(edge[1:] == (entry.mode, None, phase_of(entry)) for edge in EDGES)
    with nullcontext() if begins else pytest.raises(IllegalMove, match=f"{entry.job_name} .* would begin as"):
        write_intent(STORAGE, paths, entry)
    assert read_ledger(STORAGE, paths) == ([entry] if begins else [])


@pytest.mark.parametrize(
    ("source", "move", "said"),
    [
        pytest.param(
            factories.ledger_entry(state=EntryState.COLLECTED),
            lambda entry: submitted(entry, ARN, NOW),
            "the move 'submitted' would take the entry {name} (ledger/2026-11-19/{key}.json) from collected to "
            "submitted; for a batch job it is legal from intended to submitted. The entry stays on record as it was",
            id="a-booked-job",
        ),
        pytest.param(
            factories.ledger_entry(mode="on_demand"),
            lambda entry: submitted(entry, ARN, NOW),
            "the move 'submitted' would take the entry {name} (ledger/2026-11-19/{key}.json) from intended to "
            "submitted; for an entry of single calls it is legal never. The entry stays on record as it was",
            id="a-job-for-single-calls",
        ),
        pytest.param(
            a_canary(2),
            withdrawn,
            "the move 'withdrawn' would take the entry {name} (ledger/2026-11-19/{key}.json) from called to called; "
            "for a canary it is legal from called to uncalled. The entry stays on record as it was",
            id="a-call-that-was-not-the-only-one",
        ),
    ],
)
def test_an_illegal_move_says_why(source: LedgerEntry, move: Callable[[LedgerEntry], Move], said: str) -> None:
    """The line names the entry, its file, the move, where it would lead, and from where it is legal."""
    with pytest.raises(IllegalMove) as raised:
        move(source)
    assert str(raised.value) == said.format(name=source.job_name, key=source.key)


def drawn_edges() -> set[tuple[str, str, str]]:
    """Move, source and target of each arrow in the docs; a source that is empty stands for nothing."""
    after = DOCS[DOCS.index("`tasks/ledger/phases.py`, and is drawn here") :]
    diagram = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", after, re.DOTALL)[0]
    lines = [line.strip() for line in diagram.splitlines() if line.strip()]
    arrows = [re.fullmatch(r"(\S+) --> (\S+) : (\S+)", line) for line in lines]
    assert all(arrows), "a line of the diagram is no arrow"
    drawn = [(arrow[3], arrow[1].replace("[*]", ""), arrow[2]) for arrow in arrows if arrow]
    assert len(drawn) == len(set(drawn))
    return set(drawn)


def table_rows(header: str) -> dict[str, list[str]]:
    """Rows of a table of the docs, by what stands in code font in their first cell."""
    body = DOCS[DOCS.index(header) :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in body]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_docs_draw_the_table() -> None:
    """The diagram has an arrow for each edge of the table, and an edge for each arrow."""
    assert drawn_edges() == {(edge.move, str(edge.source or ""), str(edge.target)) for edge in EDGES}


def test_the_docs_say_what_moves_and_where_it_stands() -> None:
    """The tables name each move and phase, with what it is of; a move that may come twice says why."""
    spoken = {"batch": "job", "on_demand": "single calls", "canary": "canary"}

    def of(modes: set[Mode]) -> str:
        return ", ".join(word for mode, word in spoken.items() if mode in modes)

    moves = table_rows("| move | of |")
    assert {name: row[0] for name, row in moves.items()} == {
        name: of({edge.mode for edge in EDGES if edge.move == name}) for name in get_args(MoveName)
    }
    twice = {edge.move for edge in EDGES if edge.source is edge.target}
    assert {name for name, row in moves.items() if row[2]} == twice
    assert {name: row[0] for name, row in table_rows("| phase | of |").items()} == {
        phase: of({edge.mode for edge in EDGES if phase in (edge.source, edge.target)}) for phase in Phase
    }


def test_only_the_moves_make_a_move() -> None:
    """What is put on record is made in one place, where it is checked."""
    makers = set()
    for path in sorted((ROOT / "tasks").rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        makers |= {str(path.relative_to(ROOT)) for call in calls if ast.unparse(call.func).rpartition(".")[2] == "Move"}
    assert makers == {"tasks/ledger/moves.py"}


class Step(NamedTuple):
    """What is done to an entry, and the file that has it as it is then; empty for none."""

    move: Callable[[LedgerEntry], Move]
    file: str = ""


USED = factories.usage(
    input_tokens=100_000,
    output_tokens=6_000,
    unattributed_input_tokens=1_000,
    unattributed_output_tokens=60,
    cost_usd=0.065,
    unattributed_cost_usd=0.00065,
    input_pico=500_000,
    output_pico=2_500_000,
    line_count=101,
    answered_count=100,
    repeated_record_count=1,
)
OF_CANARY = factories.usage(
    input_tokens=1400,
    output_tokens=40,
    cost_usd=0.0016,
    unattributed_cost_usd=0.0,
    input_pico=1_000_000,
    output_pico=5_000_000,
    line_count=1,
    answered_count=1,
    repeated_call_count=1,
)


def earlier_entry(**overrides: Any) -> LedgerEntry:
    """An intent under the key of versions that did not put the deployment into it: they wrote the golden files."""
    entry = factories.ledger_entry(**overrides)
    parts = (entry.run_date, entry.shard, entry.input_sha256, entry.model_id, entry.invocation_type, entry.epoch)
    return factories.ledger_entry(**overrides, key=factories.key_of_earlier_versions("", *parts))


SHARD = earlier_entry(estimate_source="learnt")
ANSWERS = "s3://moderation-bucket/output/answers"
LIVES = {
    "batch": (
        intended(SHARD, 3),
        "batch_intended",
        [
            Step(lambda entry: submitted(entry, ARN, NOW)),
            Step(lambda entry: stop_refused(entry, "stop job: AccessDeniedException"), "batch_stop_refused"),
            Step(lambda entry: ended(entry, JobStatus.PARTIALLY_COMPLETED, "3 records failed")),
            Step(lambda entry: collected(entry, f"{ANSWERS}/x.parquet", USED, LATER), "batch_collected"),
        ],
    ),
    "twin": (
        twin(
            intended(SHARD, 3),
            hashlib.sha256(f"{SHARD.key}\x1f{ARN}-2".encode()).hexdigest(),
            f"{ARN}-2",
            "nm-twin",
            NOW,
        ),
        "batch_twin",
        [],
    ),
    "adopted": (
        earlier_entry(shard=1),
        "",
        [Step(lambda entry: adopted(entry, ARN, NOW), "batch_adopted")],
    ),
    "on_demand": (
        earlier_entry(shard=2, mode="on_demand", record_count=7),
        "",
        [
            Step(lambda entry: closed(entry, NOW, is_whole=False), "on_demand_closed"),
            Step(lambda entry: closed(entry, LATER, is_whole=True)),
            Step(lambda entry: collected(entry, f"{ANSWERS}/y.parquet", USED, LATER), "on_demand_collected"),
        ],
    ),
    "canary": (
        called_first(a_canary(), most(1)),
        "canary_called",
        [
            Step(lambda entry: unanswered(entry, "ReadTimeoutError")),
            Step(lambda entry: called(entry, most(2), "20261119T200000-0badcafe", 2100)),
            Step(lambda entry: turned_away(entry, most(1), "ThrottlingException"), "canary_turned_away"),
            Step(lambda entry: called(entry, most(2), "20261119T210000-0badcafe", 2100)),
            Step(lambda entry: answered(entry, OF_CANARY, None, NOW), "canary_answered"),
        ],
    ),
}


@pytest.mark.parametrize(("entry", "file", "steps"), LIVES.values(), ids=LIVES)
def test_the_bytes_on_record_stay(entry: LedgerEntry, file: str, steps: list[Step], paths: DayPaths) -> None:
    """What is on record for an intent and after each move is what earlier versions wrote, byte for byte."""
    write_intent(STORAGE, paths, entry)
    files = [file]
    written = [STORAGE.get(paths.entry(entry.key))]
    for step in steps:
        entry = record_move(STORAGE, paths, step.move(entry))
        files.append(step.file)
        written.append(STORAGE.get(paths.entry(entry.key)))
    for name, body in zip(files, written, strict=True):
        assert not name or body == (GOLDEN / f"{name}.json").read_bytes(), name


@pytest.mark.parametrize(
    ("file", "phase", "steps", "end"),
    [
        pytest.param(
            "old_submitted",
            Phase.SUBMITTED,
            [
                lambda entry: ended(entry, JobStatus.COMPLETED, None),
                lambda entry: collected(entry, f"{ANSWERS}/x.parquet", USED, LATER),
            ],
            Phase.COLLECTED,
            id="before-modes-and-terms",
        ),
        pytest.param(
            "old_canary",
            Phase.CALLED,
            [
                lambda entry: called(entry, most(2), "another run", 2000),
                lambda entry: answered(entry, OF_CANARY, None, NOW),
            ],
            Phase.ANSWERED,
            id="a-canary-before-calls-were-booked-at-their-most",
        ),
    ],
)
def test_an_entry_of_an_earlier_version_moves_on(
    file: str, phase: Phase, steps: list[Callable[[LedgerEntry], Move]], end: Phase, paths: DayPaths
) -> None:
    """What earlier versions left on record is read, and goes its way from there."""
    body = (GOLDEN / f"{file}.json").read_bytes()
    STORAGE.put(paths.entry(LedgerEntry.model_validate_json(body).key), body)
    (entry,) = read_ledger(STORAGE, paths)
    assert phase_of(entry) is phase
    for step in steps:
        entry = record_move(STORAGE, paths, step(entry))
    assert phase_of(entry) is end
    assert read_ledger(STORAGE, paths) == [entry]

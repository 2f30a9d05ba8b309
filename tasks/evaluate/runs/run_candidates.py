"""Asks candidates over a set what they were not asked yet, within a budget; a crashed run is gone on with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

import prompts
from data_contracts.documents.ledger import LedgerEntry
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import DayInUse, OverBudget, WrongUsage
from tasks.base.figures import dollars
from tasks.base.frames import scratch
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.batch.send_shards import send_shard
from tasks.evaluate.runs.bench import Bench, OpenSet, SplitChoice, lay_out
from tasks.evaluate.runs.candidates import Candidate
from tasks.evaluate.runs.experiments import UNANSWERED, answers_of, read_experiments
from tasks.evaluate.runs.golden import golden_items, with_golden
from tasks.evaluate.runs.requests import Wanted, write_requests
from tasks.evaluate.runs.settle import settle
from tasks.ledger.entries import read_ledger, write_intent
from tasks.ledger.lease import check_held, kept, read_term, take
from tasks.ledger.moves import intended


class CandidateRun(NamedTuple):
    """What became of a candidate.

    Attributes:
        asked_count: texts of the set that this run asked it about.
        known_count: texts of the set that it had answered before.
        unanswered_count: texts without an answer even now, those of the golden pack included.
        cost_usd: of all its answers to these texts; None if one is unknown.
        golden_count: items of the golden pack that this run asked it about.
    """

    candidate: Candidate
    asked_count: int
    known_count: int
    unanswered_count: int
    cost_usd: float | None
    golden_count: int = 0


class EvaluationRun(NamedTuple):
    """What a run did."""

    set_name: str
    version: int
    item_count: int
    candidates: tuple[CandidateRun, ...]


@reading_lake()
def run_candidates(
    settings: Settings,
    name: str,
    texts: Sequence[str],
    split: SplitChoice,
    max_cost_usd: float,
    run_id: str,
    now: Callable[[], datetime],
    say: Callable[[str], object] = lambda _: None,
) -> EvaluationRun:
    """Ask every candidate about every item of a split of the newest version; what was asked before is not asked again.

    Args:
        name: of the set.
        texts: candidates, as `read_candidate` takes them; one that is named twice is asked twice.
        split: which items.
        max_cost_usd: most that this call may cost, by estimate, what an earlier run has under way included.
        say: takes a line when there is something to watch.

    Raises:
        WrongUsage: if the set, a candidate or the budget is none.
        OverBudget: if the estimate is over the budget, or there is no price; nothing was asked.
        DayInUse: if another run evaluates the set.
        DeadlinePassed, BedrockRefused, BedrockUnavailable, LeaseLost: as `settle` says.
    """
    check_budget(max_cost_usd)
    return ask(settings, lay_out(settings, name, texts, split, now()), max_cost_usd, run_id, now, say)


def check_budget(max_cost_usd: float) -> None:
    """Raises WrongUsage unless this is an amount that can be spent."""
    if not 0 < max_cost_usd < math.inf:
        raise WrongUsage("the budget must be an amount above 0")


def ask(
    settings: Settings,
    bench: Bench,
    max_cost_usd: float,
    run_id: str,
    now: Callable[[], datetime],
    say: Callable[[str], object],
) -> EvaluationRun:
    """Finish what an earlier run has begun, and ask what is left. Raises as `run_candidates`."""
    outside, paths, every = bench.outside, bench.paths, bench.every
    with held(outside, paths, run_id):

        def still_ours() -> None:
            check_held(outside.storage, paths, run_id)

        settle(outside, settings, paths, every, bench.version, still_ours, now)
        wanted = bench.want(settings)
        _check_estimate(wanted, max_cost_usd)
        for one in wanted:
            expected = f", about {dollars(one.expected.cost_usd)}" if one.records.height else ""
            say(f"{one.candidate.name}: {one.records.height:,} of {bench.asked_about.height:,} to ask{expected}")
        _record(outside, settings, paths, wanted, run_id, now)
        settle(outside, settings, paths, every, bench.version, still_ours, now)
    after = read_experiments(outside, paths)
    return EvaluationRun(
        paths.set_name,
        bench.version,
        bench.chosen.height,
        tuple(_outcome(one, wanted, bench, answers_of(after, one)) for one in bench.candidates),
    )


def ask_candidates(
    opened: OpenSet,
    candidates: Sequence[Candidate],
    chosen: pl.DataFrame,
    max_cost_usd: float,
    run_id: str,
    now: Callable[[], datetime],
) -> EvaluationRun:
    """Ask candidates about these items of a set, without the golden pack. Raises as `run_candidates`.

    Args:
        chosen: rows of the set's items.
    """
    every = with_golden(opened.items, golden_items(opened.settings, candidates))
    bench = Bench(opened.outside, opened.paths, opened.version, chosen, chosen, every, tuple(candidates))
    return ask(opened.settings, bench, max_cost_usd, run_id, now, lambda _: None)


@contextmanager
def held(outside: Adapters, paths: EvaluationPaths, run_id: str) -> Iterator[None]:
    """Hold the set for the block.

    Raises:
        DayInUse: if another run evaluates it.
    """
    attempt = take(outside.storage, paths.lease, run_id)
    if not attempt.is_ours:
        raise DayInUse(
            f"{attempt.holder} evaluates {paths.set_name}: wait for its end, or for 90 seconds after its death"
        )
    with kept(outside, paths.lease, run_id):
        yield


def _check_estimate(wanted: Sequence[Wanted], max_cost_usd: float) -> None:
    """Raises OverBudget if the estimates together are over the budget, or one is unknown."""
    asked = [one for one in wanted if one.records.height]
    for one in asked:
        if one.expected.cost_usd is None:
            raise OverBudget(
                f"{one.candidate.asker.model_id} has no known price: add it to prices.toml; nothing was asked"
            )
    total = sum(one.expected.cost_usd or 0.0 for one in asked)
    if total > max_cost_usd:
        raise OverBudget(
            f"about {dollars(total)} for {sum(one.records.height for one in asked):,} requests, and the budget is "
            f"{dollars(max_cost_usd)}; nothing was asked"
        )


def _record(
    outside: Adapters,
    settings: Settings,
    paths: EvaluationPaths,
    wanted: Sequence[Wanted],
    run_id: str,
    now: Callable[[], datetime],
) -> None:
    """Put what is wanted on record as intents, the prompts beside them; nothing is asked yet."""
    term = read_term(outside.storage, paths, run_id)
    for one in wanted:
        if not one.records.height:
            continue
        prompt = one.candidate.asker.prompt
        told = prompts.load(prompt.id, prompt.version) if isinstance(prompt, prompts.PackPrompt) else prompt
        outside.storage.put_if_absent(paths.prompt(told.sha256), prompts.render(told).encode())
        first = next_shard(read_ledger(outside.storage, paths))
        with scratch() as temporary:
            folder = Path(temporary)
            for entry, shard in write_requests(settings, paths, one, first, run_id, now(), folder):
                send_shard(outside.storage, entry, shard, folder)
                check_held(outside.storage, paths, run_id)
                write_intent(outside.storage, paths, intended(entry, term))


def next_shard(ledger: Sequence[LedgerEntry]) -> int:
    return max([-1, *(entry.shard for entry in ledger)]) + 1


def _outcome(candidate: Candidate, wanted: Sequence[Wanted], bench: Bench, answers: pl.DataFrame) -> CandidateRun:
    mine = (candidate, candidate.singly)
    records = pl.concat([one.records.select("text_sha256") for one in wanted if one.candidate in mine])
    of_set, every = (items.select("text_sha256").unique() for items in (bench.chosen, bench.asked_about))
    given = answers.join(every, on="text_sha256", how="semi")
    answered = given.filter(~pl.col("status").is_in(list(UNANSWERED)))
    is_priced = answered["cost_usd"].is_not_null().all()
    asked_count = records.join(of_set, on="text_sha256", how="semi").height
    return CandidateRun(
        candidate,
        asked_count,
        of_set.height - asked_count,
        every.height - answered.height,
        float(answered["cost_usd"].sum()) if is_priced else None,
        records.height - asked_count,
    )


def describe_run(run: EvaluationRun) -> list[str]:
    """What was asked and what it cost, for a terminal."""
    lines = [f"{run.set_name} v{run.version}: {run.item_count:,} items"]
    for one in run.candidates:
        again = f" (asked again, {one.candidate.order_seed})" if one.candidate.order_seed else ""
        golden = f"{one.golden_count:,} of the golden pack, " if one.golden_count else ""
        lines.append(
            f"  {one.candidate.name}{again}: {one.asked_count:,} asked now, {one.known_count:,} before, "
            f"{golden}{one.unanswered_count:,} without an answer; {dollars(one.cost_usd)} in all"
        )
    return lines

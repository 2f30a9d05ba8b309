"""Runs champion and candidates over the sets and last night's label requests, and holds each against the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from data_contracts.documents.evaluation.comparison import Comparison
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import OverBudget, WrongUsage
from tasks.base.figures import dollars
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.compare_candidates import compare_candidates, describe_comparison
from tasks.evaluate.promotion.check_gate import check_gate, incumbent
from tasks.evaluate.promotion.gate import Objections
from tasks.evaluate.runs.bench import Bench, SplitChoice, lay_out
from tasks.evaluate.runs.candidates import read_candidate, read_candidates
from tasks.evaluate.runs.run_candidates import ask, check_budget
from tasks.evaluate.successors.last_night import Differing, differing, lay_out_requests, night_of

_SETS = "sets"


class Trial(NamedTuple):
    """A candidate over one set: its comparison with the champion, and what speaks against promoting it."""

    comparison: Comparison
    against: Objections


class Trials(NamedTuple):
    """What came of all of them.

    Attributes:
        trials: a trial for each set and candidate.
        night: whose label requests were asked as well; None if there were none.
        differing: how far each candidate is from what that night published.
    """

    trials: tuple[Trial, ...]
    night: date | None
    differing: tuple[Differing, ...]


@reading_lake()
def try_successors(
    settings: Settings,
    texts: Sequence[str],
    sets: Sequence[str],
    split: SplitChoice,
    max_cost_usd: float,
    run_id: str,
    now: Callable[[], datetime],
    say: Callable[[str], object] = lambda _: None,
) -> Trials:
    """Try each candidate against the champion; repeating it asks nothing twice, and promotes nothing.

    Args:
        texts: candidates, as `read_candidate` takes them, each with the prompt that suits it.
        sets: their names; none named: all that have an item in the split.
        split: which items.
        max_cost_usd: most that all of it may cost, by estimate.
        run_id: of the leases.
        now: the time.
        say: takes a line when there is something to watch.

    Raises:
        WrongUsage: if a candidate is none or the champion itself, or there is no set.
        OverBudget: if all of it would cost more than it may, or there is no price; nothing was asked.
        DayInUse, DeadlinePassed, BedrockRefused, BedrockUnavailable, LeaseLost: as `run_candidates` says.
    """
    check_budget(max_cost_usd)
    outside, champion = adapters.connect(settings), incumbent(settings)
    candidates = read_candidates(settings, texts)
    name = read_candidate(settings, champion).name
    if name in [one.name for one in candidates]:
        raise WrongUsage(f"{name} is the champion: name what may follow it")
    names = list(sets) or set_names(outside, settings)
    benches = [lay_out(settings, each, [champion, *texts], split, now()) for each in names]
    benches = [bench for bench in benches if bench.chosen.height]
    if not benches:
        raise WrongUsage(f"no set has an item in {split}: python -m flows evaluate add NAME FILE")
    requested = lay_out_requests(outside, settings, candidates, now())
    every = [*benches, *([requested] if requested else [])]
    _check_all(settings, every, max_cost_usd)
    for bench in every:
        say(f"{bench.paths.set_name}: {bench.chosen.height:,} comments")
        ask(settings, bench, max_cost_usd, run_id, now, say)
    trials = [
        _tried(settings, bench.paths.set_name, champion, text, split, now()) for bench in benches for text in texts
    ]
    if requested is None:
        return Trials(tuple(trials), None, ())
    return Trials(tuple(trials), night_of(requested), tuple(differing(settings, requested)))


def set_names(outside: Adapters, settings: Settings) -> list[str]:
    """The names of all sets, in order."""
    root = f"{EvaluationPaths(settings, date.min, _SETS).root}/{_SETS}"
    return sorted({item.uri.removeprefix(f"{root}/").partition("/")[0] for item in outside.storage.list(root)})


def _check_all(settings: Settings, benches: Sequence[Bench], max_cost_usd: float) -> None:
    """Raises OverBudget if all of it would cost more than it may; a text of two sets is counted twice here."""
    wanted = [one for bench in benches for one in bench.want(settings) if one.records.height]
    if lacking := [one.candidate.asker.model_id for one in wanted if one.expected.cost_usd is None]:
        raise OverBudget(f"{lacking[0]} has no known price: add it to prices.toml; nothing was asked")
    total = sum(one.expected.cost_usd or 0.0 for one in wanted)
    if total > max_cost_usd:
        raise OverBudget(
            f"about {dollars(total)} for {sum(one.records.height for one in wanted):,} requests, and the budget is "
            f"{dollars(max_cost_usd)}; nothing was asked"
        )


def _tried(settings: Settings, name: str, champion: str, challenger: str, split: SplitChoice, now: datetime) -> Trial:
    comparison = compare_candidates(settings, name, champion, challenger, split, now)
    return Trial(comparison, check_gate(settings, name, champion, challenger, split, now).against)


def describe_trials(found: Trials) -> list[str]:
    """What came of it, for a terminal; the command that promotes stands where the gate says yes."""
    lines = []
    for one in found.trials:
        made = one.comparison
        lines += describe_comparison(made)
        against = [*one.against.bars, *one.against.reasons]
        lines += [f"not to be promoted: {reason}" for reason in against]
        pair = f"--champion {made.champion.candidate} --challenger {made.challenger.candidate}"
        lines += [] if against else [f"python -m flows evaluate promote {made.set} {pair} --split {made.split}"]
        lines.append("")
    lines += [_told(one, found.night) for one in found.differing]
    return lines or ["nothing was compared"]


def _told(one: Differing, night: date | None) -> str:
    if one.share is None:
        return f"label requests of {night}: {one.candidate} has no verdict on any"
    return (
        f"label requests of {night}: {one.candidate} differs from what was published on {one.differing_count:,} of "
        f"{one.compared_count:,}, some {one.share:.1%} of the night"
    )

"""The commands that try candidates, prompt and model, before anybody switches."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from flows.command_line import last_line_on_error, read_day, say

evaluate = typer.Typer(
    name="evaluate", help="Try candidates before you switch.", no_args_is_help=True, add_completion=False,
    rich_markup_mode=None,
)  # fmt: skip


class SplitOption(StrEnum):
    """Which items of a set."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"
    ALL = "all"


class VariantOption(StrEnum):
    """How comments are varied."""

    PARAPHRASE = "paraphrase"
    MASKED = "masked"
    QUOTED = "quoted"
    SARCASM = "sarcasm"
    INJECTION = "injection"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The set's name.")]
_CANDIDATE = "KEY=VALUE,...; keys prompt, model, policy; the settings say what is not named."


@evaluate.callback()
def _evaluate() -> None:
    """Try candidates over sets of labelled comments: add a set, run candidates, compare two, optimise, judge."""


def _run(command: str, call: Callable[[], Sequence[str]]) -> None:
    """Print what a call has to say, or end with its error as one line."""
    with last_line_on_error(f"evaluate {command}"):
        lines = call()
    say("\n".join(lines))


@evaluate.command()
def add(
    name: Name,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, JSON lines or Parquet.")],
) -> None:
    """Write the next version of a set with the labelled comments of files: all of them, or with one bad row nothing."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.evaluate.sets.add_set import add_set
        from tasks.evaluate.sets.next_version import describe_added

        return describe_added(add_set(Settings.load(), name, files, datetime.now(UTC)))

    _run(f"add {name}", call)


@evaluate.command("from-night")
def from_night(
    name: Name,
    day: Annotated[date, typer.Option("--date", parser=read_day, metavar="YYYY-MM-DD", help="A published night.")],
) -> None:
    """Write the next version of a set with the labelled comments of a night, each with its weight."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.evaluate.sets.add_night import add_night, describe_night

        return describe_night(add_night(Settings.load(), name, day, datetime.now(UTC)))

    _run(f"from-night {name}", call)


@evaluate.command()
def variants(
    name: Name,
    source: Annotated[str, typer.Option("--from", metavar="SET", help="The set whose comments are varied.")],
    model: Annotated[str, typer.Option(metavar="MODEL", help="Who writes them: of another maker than MODEL_ID's.")],
    max_cost_usd: Annotated[float, typer.Option(help="Most that this may cost.")],
    kind: Annotated[
        list[VariantOption] | None, typer.Option(help="A recipe; may be given several times. By default all.")
    ] = None,
    per_kind: Annotated[int, typer.Option(help="Variants of each kind, at most.")] = 40,
) -> None:
    """Write the next version of a set with variants of a set's comments that a model makes; they are shown apart."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.evaluate.variants.make_variants import describe_variants, make_variants
        from tasks.evaluate.variants.recipes import Kind

        now = datetime.now(UTC)
        run_id = f"evaluate-{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
        kinds = [Kind(each.value) for each in kind or VariantOption]
        made = make_variants(
            Settings.load(), name, source, model, kinds, per_kind, max_cost_usd, run_id, lambda: datetime.now(UTC)
        )
        return describe_variants(made)

    _run(f"variants {name}", call)


@evaluate.command()
def run(
    name: Name,
    candidate: Annotated[list[str], typer.Option(metavar="CANDIDATE", help=f"{_CANDIDATE} Twice: asked twice.")],
    max_cost_usd: Annotated[float, typer.Option(help="Most that this may cost.")],
    split: Annotated[SplitOption, typer.Option(help="Which items.")] = SplitOption.ALL,
) -> None:
    """Ask candidates about a set what they were not asked yet; after a crash the same call goes on."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.evaluate.runs.run_candidates import describe_run, run_candidates

        now = datetime.now(UTC)
        run_id = f"evaluate-{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
        done = run_candidates(
            Settings.load(), name, candidate, split.value, max_cost_usd, run_id, lambda: datetime.now(UTC), say
        )
        return describe_run(done)

    _run(f"run {name}", call)


@evaluate.command()
def disagreements(
    day: Annotated[date, typer.Option("--date", parser=read_day, metavar="YYYY-MM-DD", help="A published night.")],
    challenger: Annotated[str, typer.Option(metavar="CANDIDATE", help=_CANDIDATE)],
    max_cost_usd: Annotated[
        float, typer.Option(help="Most that asking the challenger may cost; 0: nothing is left to ask.")
    ] = 0.0,
    share: Annotated[float, typer.Option(help="Part of the night's comments that is tried, drawn.")] = 1.0,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the comparison there too.")] = None,
) -> None:
    """Try a challenger on a night: people label where it differs from what was published; repeat it when they have."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.evaluate.nights.compare_night import compare_night, describe_night_comparison

        now = datetime.now(UTC)
        run_id = f"evaluate-{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
        done = compare_night(
            Settings.load(), day, challenger, share, max_cost_usd, run_id, lambda: datetime.now(UTC), say
        )
        if json is not None:
            json.write_text(done.comparison.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return describe_night_comparison(done)

    _run(f"disagreements {day}", call)


@evaluate.command()
def compare(
    name: Name,
    champion: Annotated[str, typer.Option(metavar="CANDIDATE", help=_CANDIDATE)],
    challenger: Annotated[str, typer.Option(metavar="CANDIDATE", help=_CANDIDATE)],
    split: Annotated[SplitOption, typer.Option(help="Which items.")] = SplitOption.TEST,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the comparison there too.")] = None,
) -> None:
    """Compare two candidates by their stored answers: better, worse, not worse, or how many labels would tell."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.evaluate.compare_candidates import compare_candidates, describe_comparison

        found = compare_candidates(Settings.load(), name, champion, challenger, split.value, datetime.now(UTC))
        if json is not None:
            json.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return describe_comparison(found)

    _run(f"compare {name}", call)


@evaluate.command()
def promote(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The set that both were compared on.")] = None,
    champion: Annotated[str | None, typer.Option(metavar="CANDIDATE", help=_CANDIDATE)] = None,
    challenger: Annotated[str | None, typer.Option(metavar="CANDIDATE", help=_CANDIDATE)] = None,
    split: Annotated[SplitOption, typer.Option(help="Which items they were compared on.")] = SplitOption.TEST,
    despite: Annotated[str | None, typer.Option(metavar="REASON", help="Why the gate's reasons do not count.")] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Back to the champion before this one.")] = False,
    who: Annotated[str | None, typer.Option(metavar="NAME", help="For the record; default: who you are here.")] = None,
    why: Annotated[str, typer.Option(metavar="TEXT", help="For the record; default: the outcome.")] = "",
) -> None:
    """Make the challenger the champion, if their comparison passes the gate; or take that back."""
    pair = (name, champion, challenger)
    if rollback and (any(pair) or despite is not None):
        raise typer.BadParameter("goes without a set, candidates and --despite", param_hint="--rollback")
    if not rollback and not all(pair):
        raise typer.BadParameter("NAME, --champion and --challenger are needed, or --rollback", param_hint="promote")

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.evaluate.promotion.promote_candidate import promote_candidate
        from tasks.evaluate.promotion.roll_back import roll_back
        from tasks.evaluate.promotion.succession import Word, describe_promotion

        settings, now = Settings.load(), datetime.now(UTC)
        word = Word(who or _user(), why, despite)
        if name is None or champion is None or challenger is None:
            return describe_promotion(roll_back(settings, word, now))
        return describe_promotion(promote_candidate(settings, name, champion, challenger, split.value, word, now))

    _run(f"promote {name or '--rollback'}", call)


def _user() -> str:
    """Who runs the command, as the machine knows them; a container may not."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@evaluate.command()
def successors(
    candidate: Annotated[
        list[str], typer.Option(metavar="CANDIDATE", help=f"{_CANDIDATE} Each with the prompt that suits it.")
    ],
    max_cost_usd: Annotated[float, typer.Option(help="Most that all of it may cost.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME", help="A set; several; default: all sets.")
    ] = None,
    split: Annotated[SplitOption, typer.Option(help="Which items.")] = SplitOption.TEST,
) -> None:
    """Try what may follow a model that ends: over the sets and last night's label requests, up to the gate."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.evaluate.successors.try_successors import describe_trials, try_successors

        now = datetime.now(UTC)
        run_id = f"evaluate-{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
        settings, clock = Settings.load(), lambda: datetime.now(UTC)
        return describe_trials(
            try_successors(settings, candidate, sets or [], split.value, max_cost_usd, run_id, clock, say)
        )

    _run("successors", call)


class SourceOption(StrEnum):
    """Who proposes guidelines."""

    REFLECT = "reflect"
    SHORTEN = "shorten"
    OPTIMIZE_PROMPT = "optimize-prompt"


@evaluate.command()
def optimise(
    name: Name,
    max_cost_usd: Annotated[float, typer.Option(help="Most that all calls of this optimisation may cost together.")],
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the draft there too.")] = None,
    candidate: Annotated[str, typer.Option(metavar="CANDIDATE", help=f"What to start from. {_CANDIDATE}")] = "",
    source: Annotated[
        list[SourceOption] | None, typer.Option(help="Who proposes; reflect and shorten if none.")
    ] = None,
    guideline: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A person's guideline to try.")] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL_ID", help="The model that reflects.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds at the most.")] = 20,
    patience: Annotated[int, typer.Option(min=1, help="Rounds without a gain after which it ends.")] = 4,
    usd_per_point: Annotated[
        float, typer.Option(help="Dollars per 1,000 comments that a point of F1 is worth.")
    ] = 0.10,
) -> None:
    """Look for a better or a shorter guideline, and draft it; a person adds and freezes a draft, or does not."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.evaluate.optimise.drafts import describe_optimisation
        from tasks.evaluate.optimise.optimise_prompt import SOURCES, Wish, optimise_prompt
        from tasks.evaluate.optimise.search import Limits

        sources = tuple(each.value for each in source) if source is not None else () if guideline else SOURCES
        wish = Wish(candidate, sources, tuple(guideline or ()), model, usd_per_point, Limits(rounds, patience))
        found, draft = optimise_prompt(Settings.load(), name, wish, max_cost_usd, lambda: datetime.now(UTC), say)
        if output is not None and draft is not None:
            output.write_text(draft, encoding="utf-8")
        return describe_optimisation(found)

    _run(f"optimise {name}", call)


@evaluate.command()
def judge(
    date: Annotated[
        date | None, typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="Explanations of this published night.")
    ] = None,
    name: Annotated[str | None, typer.Option("--set", metavar="NAME", help="Or two candidates' over this set.")] = None,
    champion: Annotated[str | None, typer.Option(metavar="CANDIDATE", help=_CANDIDATE)] = None,
    challenger: Annotated[str | None, typer.Option(metavar="CANDIDATE", help=_CANDIDATE)] = None,
    split: Annotated[SplitOption, typer.Option(help="Which items of the set.")] = SplitOption.DEV,
    model: Annotated[str | None, typer.Option(metavar="MODEL_ID", help="The judge, of another family.")] = None,
    sample: Annotated[int, typer.Option(min=1, help="Explanations, or pairs, at the most.")] = 300,
    max_cost_usd: Annotated[float, typer.Option(help="Most that this may cost.")] = 2.0,
    ratings: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="What people said of the same.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them for people to rate; ask nobody.")
    ] = None,
    bedrock: Annotated[bool, typer.Option("--bedrock", help="By Bedrock's own evaluation job, of a night.")] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the judgement there too.")] = None,
) -> None:
    """Have a model of another family judge explanations: of a night, or of two candidates beside each other."""

    def call() -> Sequence[str]:
        from tasks.base.errors import WrongUsage
        from tasks.base.settings import Settings
        from tasks.evaluate.judge.judge_explanations import JudgeWish, describe_judgement, judge_explanations
        from tasks.evaluate.judge.judge_pairs import PairWish, describe_pairs, judge_pairs
        from tasks.evaluate.judge.second_opinion import describe_opinion, second_opinion

        def now() -> datetime:
            return datetime.now(UTC)

        if date is not None and name is None and bedrock:
            opinion = second_opinion(Settings.load(), date, JudgeWish(model, sample), max_cost_usd, now)
            lines, document = describe_opinion(opinion), opinion.model_dump_json(indent=1)
        elif date is not None and name is None:
            wish = JudgeWish(model, sample, tuple(ratings or ()), sheet)
            found = judge_explanations(Settings.load(), date, wish, max_cost_usd, now)
            if isinstance(found, int):
                return [f"{sheet}: {found:,} explanations; it holds customers' texts: delete it once it was read back"]
            lines, document = describe_judgement(found), found.model_dump_json(indent=1)
        elif name is not None and date is None and champion is not None and challenger is not None:
            pairs = PairWish(champion, challenger, split.value, model, sample)
            compared = judge_pairs(Settings.load(), name, pairs, max_cost_usd, now)
            lines, document = describe_pairs(compared), compared.model_dump_json(indent=1)
        else:
            raise WrongUsage("name a night (--date), or a set and two candidates (--set, --champion, --challenger)")
        if json is not None:
            json.write_text(f"{document}\n", encoding="utf-8")
        return lines

    _run(f"judge {date or name or ''}".rstrip(), call)

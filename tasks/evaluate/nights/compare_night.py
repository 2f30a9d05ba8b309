"""Tries a challenger on a published night: asks it, has people label where it differs, and compares by their labels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from data_contracts.documents.evaluation.comparison import Comparison
from data_contracts.tables.verdicts import VERDICTS, DecidedBy, DecidingStep
from prompts.policies import PLAIN
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import WrongUsage
from tasks.base.paths import DayPaths, EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.compare_candidates import describe_comparison
from tasks.evaluate.nights.night_requests import add_requests
from tasks.evaluate.nights.pairs import answered, draw_night, in_share, with_cells
from tasks.evaluate.nights.weighed import TriedNight, compare_tried
from tasks.evaluate.runs.bench import Bench
from tasks.evaluate.runs.candidates import Candidate, read_candidate
from tasks.evaluate.runs.experiments import answers_of, read_experiments
from tasks.evaluate.runs.requests import with_hashes
from tasks.evaluate.runs.run_candidates import ask
from tasks.evaluate.sets.log_items import log_item_id
from tasks.labels.comment_texts import read_texts
from tasks.labels.requests import read_day_labels
from tasks.ledger.sampling import sampling_salt

#: Comments of a night that are tried at once: their texts are held in memory.
MOST_COMMENTS = 200_000

_ANSWER = ("status", "violation", "category", "input_tokens", "output_tokens", "cost_usd")
_COLUMNS = (
    "comment_id",
    "product_id",
    "language",
    "text_sha256",
    "decided_by",
    "prompt_name",
    "prompt_version",
    "step",
    "policy",
)


class NightComparison(NamedTuple):
    """What became of it.

    Attributes:
        comparison: as it is on record.
        asked_count: texts that the challenger was asked about now.
        new_count: labels that were asked for now.
        open_count: comments that are still to be labelled.
    """

    comparison: Comparison
    asked_count: int
    new_count: int
    open_count: int


@reading_lake()
def compare_night(
    settings: Settings,
    run_date: date,
    challenger: str,
    share: float,
    max_cost_usd: float,
    run_id: str,
    now: Callable[[], datetime],
    say: Callable[[str], object] = lambda _: None,
) -> NightComparison:
    """Ask the challenger about a night, or a part of it, ask people where it differs, and compare as far as they said.

    The same call again asks nothing twice, of models or people, and compares by the labels that have come.

    Args:
        run_date: the night.
        challenger: as `read_candidate` takes it; the champion is what the night published.
        share: part of the night's comments that is tried, in (0, 1].
        max_cost_usd: most that this call may cost, by estimate; 0 where nothing is left to be asked.
        say: takes a line when there is something to watch.

    Raises:
        WrongUsage: if the night is not published or too large, the candidate or the share is none.
        OverBudget: if the estimate is over the budget, or there is no price; nothing was asked.
        DayInUse: if another run evaluates the night, or works on the day.
        DeadlinePassed, BedrockRefused, BedrockUnavailable, LeaseLost: as `settle` says.
    """
    if not 0 < share <= 1:
        raise WrongUsage("the share must be above 0 and at most 1")
    if not 0 <= max_cost_usd < float("inf"):
        raise WrongUsage("the budget must be an amount of 0 or more")
    candidate = read_candidate(settings, challenger)
    outside, day = adapters.connect(settings), DayPaths(settings, run_date)
    salt = sampling_salt(outside.storage, settings)
    verdicts, champions = _verdicts(outside, day, share, salt)
    if champions[0] == candidate.name:
        raise WrongUsage(f"the night of {run_date} was judged by {candidate.name}: name another challenger")
    paths = EvaluationPaths(settings, run_date, f"night-{run_date}")
    items = _items(outside, day, verdicts)
    bench = Bench(outside, paths, 0, items, items, items, (candidate,))
    done = ask(settings, bench, max_cost_usd, run_id, now, say).candidates[0]
    pairs = with_cells(_pairs(verdicts, items, _answers(outside, paths, candidate)))
    if pairs.is_empty():
        raise WrongUsage(f"no comment of {run_date} was answered by both: do this again")
    drawn = draw_night(pairs, run_date, salt)
    new_count = add_requests(outside, day, drawn, run_id, now())
    labels = answered(drawn, read_day_labels(outside, day))
    remarks = tuple(_remarks(champions, share, verdicts.height - pairs.height))
    night = TriedNight(paths.set_name, champions[0], candidate.name, pairs, labels, remarks)
    comparison = compare_tried(night, settings.margin, now())
    outside.storage.put(paths.comparison(comparison.id), comparison.model_dump_json(indent=1).encode())
    return NightComparison(comparison, done.asked_count, new_count, labels.drawn_count - labels.answered_count)


def _verdicts(outside: Adapters, day: DayPaths, share: float, salt: bytes) -> tuple[pl.DataFrame, list[str]]:
    """The night's verdicts, or the drawn part of them, and what it was judged by, the most frequent first."""
    table = outside.lake.scan(day.lake(VERDICTS.name), VERDICTS).filter(pl.col("date") == day.run_date)
    rows = table.select(*_COLUMNS, "model_id", *_ANSWER).collect(engine="streaming")
    if rows.is_empty():
        raise WrongUsage(f"no night of {day.run_date} is published")
    part = in_share(rows, share, day.run_date, salt)
    if part.is_empty() or part.height > MOST_COMMENTS:
        least = f"--share {MOST_COMMENTS / rows.height:.3f}" if part.height else "a larger share"
        raise WrongUsage(f"{part.height:,} comments of {day.run_date} cannot be tried at once: take {least}")
    is_free = pl.col("decided_by") != DecidedBy.MODEL
    tokens = ("input_tokens", "output_tokens")
    paid = part.with_columns(pl.when(is_free).then(pl.col(name).fill_null(0)).otherwise(name) for name in tokens)
    return paid, _judges(rows)


def _judges(verdicts: pl.DataFrame) -> list[str]:
    """What a night was judged by, the most frequent first; a policy goes by what it asks where nothing else decides."""
    asked = verdicts.filter(pl.col("step").ne_missing(pl.lit(DecidingStep.LIGHT.value)))
    names = ("prompt_name", "prompt_version", "model_id", "policy")
    judges = (asked if asked.height else verdicts).with_columns(pl.col("policy").fill_null(PLAIN)).group_by(names).len()
    ordered = judges.sort("len", *names, descending=[True] + [False] * len(names)).select(names)
    return [f"prompt={name}/{version},model={model},policy={policy}" for name, version, model, policy in ordered.rows()]


def _items(outside: Adapters, day: DayPaths, verdicts: pl.DataFrame) -> pl.DataFrame:
    """The comments whose text is still there, as items that can be asked, each text once."""
    texts = read_texts(outside, day, verdicts["comment_id"].to_list())
    language = dict(verdicts.select("comment_id", "language").iter_rows())
    rows = [(log_item_id(day.run_date, name), text, language[name]) for name, text in sorted(texts.items())]
    schema = dict.fromkeys(("item_id", "text", "language"), pl.String)
    return with_hashes(pl.DataFrame(rows, schema=schema, orient="row")).unique(
        "text_sha256", keep="first", maintain_order=True
    )


def _answers(outside: Adapters, paths: EvaluationPaths, candidate: Candidate) -> pl.DataFrame:
    return answers_of(read_experiments(outside, paths), candidate).select("text_sha256", *_ANSWER)


def _pairs(verdicts: pl.DataFrame, items: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """The comments that could be asked, with both answers; a text that several say is paid once by either."""
    champion = verdicts.rename({name: f"champion_{name}" for name in _ANSWER})
    challenger = answers.rename({name: f"challenger_{name}" for name in _ANSWER})
    joined = (
        champion.join(items.select("text_sha256"), on="text_sha256", how="semi")
        .sort("comment_id")
        .join(challenger, on="text_sha256", how="left", validate="m:1")
    )
    is_copy = ~pl.col("text_sha256").is_first_distinct()
    paid = ("challenger_cost_usd", "challenger_input_tokens", "challenger_output_tokens")
    return joined.with_columns(pl.when(is_copy).then(0).otherwise(pl.col(name)).alias(name) for name in paid)


def _remarks(champions: list[str], share: float, lost_count: int) -> list[str]:
    remarks = []
    if len(champions) > 1:
        remarks.append(f"the night was judged by {len(champions)} candidates; {champions[0]} judged most of it")
    if share < 1:
        remarks.append(f"a drawn part of {share:.0%} of the night was tried")
    if lost_count:
        remarks.append(f"{lost_count:,} comments are left out: no text any more, or no answer of one of the two")
    return remarks


def describe_night_comparison(done: NightComparison) -> list[str]:
    """What was asked, what is still to be labelled, and what the labels say, for a terminal."""
    day = done.comparison.set.removeprefix("night-")
    lines = [f"{done.asked_count:,} texts asked now; {done.new_count:,} labels asked for now, {done.open_count:,} open"]
    if done.open_count:
        lines.append(f"  python -m flows labels export --date {day} --rater NAME --output FILE, or labels review")
    return [*lines, *describe_comparison(done.comparison)]

"""Has a model of another maker write variants of a set's comments, and writes them as the next version of a set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from typing import NamedTuple

import orjson
import polars as pl

from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import WrongUsage
from tasks.base.figures import dollars
from tasks.base.paths import EvaluationPaths
from tasks.base.ports import ModelFacts
from tasks.base.settings import Settings
from tasks.evaluate.questions.ask_questions import Inquiry, Question, ask_questions, question_id
from tasks.evaluate.runs.run_candidates import held
from tasks.evaluate.sets.next_version import AddedSet, describe_added, write_next
from tasks.evaluate.sets.versions import check_name, read_version, versions_of
from tasks.evaluate.variants.recipes import INSTRUCTIONS, SCHEMA, Kind, question_text, read_variant
from tasks.evaluate.variants.variant_items import Wish, made_items, wishes
from tasks.ledger.asker import Asker, find_profiled
from tasks.ledger.champion import serving
from tasks.ledger.entries import read_ledger
from tasks.llm.model_ids import maker_of

#: Longer, and a job's name would be longer than Bedrock takes.
_MOST_NAME_CHARS = 35


class MadeVariants(NamedTuple):
    """What was made.

    Attributes:
        added: the version that was written; None if nothing is new.
        counts: variants that are new, by kind.
        wanted_count: variants that were wanted and not there yet.
        refused_count: of these, those that the model gave no text for: refused, or no variant in the answer.
        unchanged_count: replies that say what the comment says.
        cost_usd: of the replies; None if it is unknown.
    """

    added: AddedSet | None
    counts: dict[str, int]
    wanted_count: int
    refused_count: int
    unchanged_count: int
    cost_usd: float | None


@reading_lake()
def make_variants(
    settings: Settings,
    name: str,
    source: str,
    model_id: str,
    kinds: Sequence[Kind],
    count: int,
    max_cost_usd: float,
    run_id: str,
    now: Callable[[], datetime],
) -> MadeVariants:
    """Write the next version of a set with variants of the comments of a set, which may be the same one.

    A variant has the cluster and the split of its comment, the comment's label or what the recipe makes of it,
    weight 1, source `model`, and its kind as stratum. The same call again asks nothing twice and adds nothing.

    Args:
        name: of the set that is written.
        source: of the set whose newest version they are made from.
        model_id: who writes them: of another maker than the model of the settings, which they are to try.
        kinds: which recipes.
        count: variants of each kind, at most.
        max_cost_usd: most that this call may cost, by estimate.

    Raises:
        WrongUsage: if a set, the count or the budget is none, or the model is of the judge's own maker.
        OverBudget: if the estimate is over the budget, or there is no price; nothing was asked.
        DayInUse, DeadlinePassed, BedrockRefused, BedrockUnavailable, LeaseLost: as `ask_questions` says.
    """
    asker = _asker(settings, model_id, adapters.connect(settings).models)
    if not 0 < max_cost_usd < float("inf") or count < 1:
        raise WrongUsage("the budget must be an amount above 0, and the count at least 1")
    if len(check_name(name)) > _MOST_NAME_CHARS:
        raise WrongUsage(f"a set with variants has a name of at most {_MOST_NAME_CHARS} characters")
    outside, day = adapters.connect(settings), now().astimezone(settings.zone).date()
    target = EvaluationPaths(settings, day, name)
    _, items = read_version(outside.storage, EvaluationPaths(settings, day, check_name(source)))
    present = read_version(outside.storage, target)[1] if versions_of(outside.storage, target) else items.clear()
    wanted = wishes(items, kinds, count, frozenset(present["item_id"]))
    inquiry = Inquiry(
        outside, settings, EvaluationPaths(settings, day, f"{name}.v"), asker, SCHEMA, read_variant, run_id, now
    )
    texts = dict(items.select("item_id", "text").rows())
    questions = {wish: _question(asker, wish, texts[wish.item_id]) for wish in wanted}
    every = {each.record_id: each for each in questions.values()}
    replies = ask_questions(inquiry, list(every.values()), max_cost_usd)
    said = {row["record_id"]: row["value"] for row in replies.iter_rows(named=True) if row["value"] is not None}
    answered = {wish: said[each.record_id] for wish, each in questions.items() if each.record_id in said}
    written = {wish: orjson.loads(value)["text"] for wish, value in answered.items()}
    made = made_items(items, written, now())
    added = write_next(settings, name, made.items, now(), ()) if made.items.height else None
    _forget_texts(inquiry)
    costs = replies["cost_usd"]
    return MadeVariants(
        added,
        dict(made.items.group_by("stratum").len().sort("stratum").iter_rows()),
        len(wanted),
        len(wanted) - len(written),
        made.unchanged_count,
        None if costs.null_count() else float(costs.sum()),
    )


def _asker(settings: Settings, model_id: str, models: ModelFacts) -> Asker:
    """Who writes the variants; a model finds what its like has written easier than what people write."""
    judge = serving(settings).model_id
    makers = [maker_of(find_profiled(models, each) or each) for each in (model_id, judge)]
    if None in makers:
        raise WrongUsage(f"of {model_id} and {judge} one does not name its maker: variants need another's")
    if makers[0] == makers[1]:
        raise WrongUsage(f"{model_id} is of the maker of {judge}, which it would try: name another maker's")
    return Asker.with_prompt(settings, model_id, INSTRUCTIONS, models)


def _question(asker: Asker, wish: Wish, text: str) -> Question:
    asked = question_text(wish.kind, text)
    return Question(question_id("variant", asker.model_id, INSTRUCTIONS.sha256, asked), asked)


def _forget_texts(inquiry: Inquiry) -> None:
    """Leave of the replies that they came: their texts are in the set now, and are kept nowhere else."""
    storage, paths = inquiry.outside.storage, inquiry.paths
    with held(inquiry.outside, paths, inquiry.run_id):
        for entry in read_ledger(storage, paths):
            body = storage.get(entry.answers_uri) if entry.answers_uri is not None else None
            replies = pl.read_parquet(BytesIO(body), hive_partitioning=False) if body is not None else None
            if replies is not None and entry.answers_uri and replies["value"].null_count() < replies.height:
                quiet = BytesIO()
                replies.with_columns(value=pl.lit(None, pl.String)).write_parquet(quiet)
                storage.put(entry.answers_uri, quiet.getvalue())


def describe_variants(made: MadeVariants) -> list[str]:
    """What was made, for a terminal."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in made.counts.items()) or "none is new"
    lines = [f"variants: {kinds}; {dollars(made.cost_usd)}"]
    if made.refused_count or made.unchanged_count:
        lines.append(
            f"  {made.refused_count:,} refused or without a text, {made.unchanged_count:,} that change nothing"
        )
    return [*lines, *(describe_added(made.added) if made.added else [])]

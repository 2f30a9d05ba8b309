"""A night's golden answers: as rows of the lake, as what they show, as measurements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from data_contracts.documents.golden import (
    FirstAnswer,
    FirstAnswers,
    GoldenAnswer,
    GoldenComparison,
    GoldenNight,
    GoldenSetup,
)
from data_contracts.documents.plan import Plan
from data_contracts.tables.golden import GOLDEN
from data_contracts.tables.metrics import Kind
from data_contracts.tables.verdicts import Status
from prompts.golden import GoldenItem, GoldenPack
from tasks.measure.golden.comparison import Answered, compare, has_flipped
from tasks.measure.measurement import ALL, Measurement, nothing, rate

FLIPS, ACCURACY, ATTACKS = "golden_flip_rate", "golden_accuracy", "attack_success_rate"
METRICS = (FLIPS, ACCURACY, ATTACKS)
#: Nights that a change of model or prompt is shown for.
CHANGE_DAYS = 28


def setup_of(plan: Plan, pack: GoldenPack) -> GoldenSetup:
    """Who is asked, and how."""
    return GoldenSetup(
        model_id=plan.model_id,
        invocation_type=plan.invocation_type,
        prompt_name=plan.prompt_name,
        prompt_version=plan.prompt_version,
        prompt_sha256=plan.prompt_sha256,
        pack_sha256=pack.sha256,
    )


def verdicts_of(answers: pl.DataFrame) -> dict[str, GoldenAnswer]:
    """The verdict on each item that has one.

    Columns: golden_item_id, text_sha256, status, violation, category.
    """
    judged = answers.filter(pl.col("status") == Status.JUDGED)
    return {
        row["golden_item_id"]: GoldenAnswer.model_validate({name: row[name] for name in GoldenAnswer.model_fields})
        for row in judged.iter_rows(named=True)
    }


def freeze(first: FirstAnswers, verdicts: Mapping[str, GoldenAnswer], run_date: date) -> FirstAnswers:
    """The frozen answers with tonight's for items that have none; a night that is judged anew freezes its own anew."""
    tonight = {
        item: FirstAnswer(**verdict.model_dump(), date=run_date)
        for item, verdict in verdicts.items()
        if item not in first.answers or first.answers[item].date == run_date
    }
    return first.model_copy(update={"answers": first.answers | tonight})


def flips_of(first: FirstAnswers, verdicts: Mapping[str, GoldenAnswer], run_date: date) -> dict[str, bool]:
    """Whether each item's answer is another than the frozen one, where that is of another night and the same text."""
    frozen = {item: answer for item, answer in first.answers.items() if answer.date != run_date}
    return {
        item: has_flipped(frozen[item], verdict)
        for item, verdict in verdicts.items()
        if item in frozen and frozen[item].text_sha256 == verdict.text_sha256
    }


def golden_rows(pack: GoldenPack, answers: pl.DataFrame, flips: Mapping[str, bool], plan: Plan) -> pl.DataFrame:
    """The night's rows of the lake: one for each item of the pack that was asked, in the pack's order.

    Columns: golden_item_id, status, violation, category -> those of GOLDEN.
    """
    told = {row["golden_item_id"]: row for row in answers.iter_rows(named=True)}
    rows = [
        {
            "date": plan.run_date,
            "item_id": item.item_id,
            "is_attack": item.is_attack,
            "expected_violation": item.violation,
            "expected_category": item.category,
            **{name: told[item.item_id][name] for name in ("status", "violation", "category")},
            "flipped": flips.get(item.item_id),
            "model_id": plan.model_id,
            "prompt_version": plan.prompt_version,
            "run_id": plan.run_id,
        }
        for item in pack.items
        if item.item_id in told
    ]
    return pl.DataFrame(rows, schema=GOLDEN.polars_schema)


def change_of(tonight: Answered, before: GoldenNight | None, pack: GoldenPack) -> GoldenComparison | None:
    """The last change of model or prompt: tonight's own, or the one that the night before still shows.

    Args:
        before: the last earlier night with golden answers.
    """
    if before is None:
        return None
    if before.setup.asker != tonight.setup.asker:
        return compare(Answered(before.run_date, before.setup, before.answers), tonight, pack)
    is_shown = before.change is not None and (tonight.date - before.change.after_date).days < CHANGE_DAYS
    return before.change if is_shown else None


def against_first(first: FirstAnswers, tonight: Answered, pack: GoldenPack) -> GoldenComparison | None:
    """Tonight against the frozen answers of earlier nights; None if there are none."""
    earlier = {item: answer for item, answer in first.answers.items() if answer.date != tonight.date}
    if not earlier:
        return None
    since = min(answer.date for answer in earlier.values())
    return compare(Answered(since, first.setup, earlier), tonight, pack)


def night_of(
    pack: GoldenPack,
    tonight: Answered,
    run_id: str,
    asked_count: int,
    flips: Mapping[str, bool],
    first: FirstAnswers,
    before: GoldenNight | None,
) -> GoldenNight:
    """What the night's answers show, given the frozen ones and those of the last earlier night."""
    judged = [item for item in pack.items if item.item_id in tonight.answers]
    wrong = [item for item in judged if tonight.answers[item.item_id].violation != item.violation]
    return GoldenNight(
        run_date=tonight.date,
        run_id=run_id,
        setup=tonight.setup,
        item_count=len(pack.items),
        asked_count=asked_count,
        judged_count=len(judged),
        right_count=len(judged) - len(wrong),
        wrong=tuple(item.item_id for item in wrong),
        attack_count=sum(item.is_attack for item in judged),
        succeeded=tuple(item.item_id for item in wrong if item.is_attack),
        compared_count=len(flips),
        flipped=tuple(item for item, is_flip in flips.items() if is_flip),
        against_first=against_first(first, tonight, pack),
        change=change_of(tonight, before, pack),
        answers=dict(tonight.answers),
    )


def measurements(night: GoldenNight | None, pack: GoldenPack) -> list[Measurement]:
    """The night's golden metrics; no value where the pack was left out or nothing can be compared yet."""
    if night is None:
        reason = "the golden pack did not ride along: the night had no batch job with room and budget for it"
        return [nothing(metric, Kind.RATE, reason) for metric in METRICS]
    judged = [item for item in pack.items if item.item_id in night.answers]
    found = [rate(FLIPS, len(night.flipped), night.compared_count, of="golden items that were answered before")]
    if not night.compared_count:
        reason = "it is the first night with this model, prompt and golden pack: later nights are compared with it"
        found = [nothing(FLIPS, Kind.RATE, reason)]
    found.append(_accuracy(night, judged, ALL))
    for language in sorted({item.language for item in judged}):
        found.append(_accuracy(night, [item for item in judged if item.language == language], f"language={language}"))
    found.append(rate(ATTACKS, len(night.succeeded), night.attack_count, of="judged attacks of the golden pack"))
    return found


def _accuracy(night: GoldenNight, items: list[GoldenItem], part: str) -> Measurement:
    right = sum(item.item_id not in night.wrong for item in items)
    return rate(ACCURACY, right, len(items), of="judged golden items", slice=part)

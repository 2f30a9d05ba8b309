"""The numbers of one night, aggregated in streaming queries from its frames; no per-comment frame is ever collected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from data_contracts.tables.metrics import Kind
from data_contracts.tables.verdicts import DecidedBy, Status
from tasks.measure.measurement import ALL, Measurement, mean, nothing, rate, total
from tasks.measure.metric_history import History

#: Members of a mix with a smaller share are pooled: they come and go without meaning.
SMALLEST_SHARE = 0.005
#: Most products that are charted by name.
MOST_PRODUCTS = 20
OTHER = "other"

_FAILED = {
    "malformed_rate": Status.MALFORMED,
    "refused_rate": Status.REFUSED,
    "error_rate": Status.ERROR,
    "missing_rate": Status.MISSING,
}


class Inputs(NamedTuple):
    """Aggregates of the valid comments."""

    comment_count: int
    length: tuple[float | None, float | None]  # mean and sample variance of ln(1 + characters)
    languages: dict[str, int]
    products: dict[str, int]  # the largest and those asked for


class Outputs(NamedTuple):
    """Aggregates of the verdicts."""

    cube: pl.DataFrame  # language, status, decided_by, violation, category, len
    input_tokens: tuple[float | None, float | None, int]  # mean, sample variance and count of ln(1 + tokens)
    output_tokens: tuple[float | None, float | None, int]
    cost_usd: float | None  # None if any of the model's answers has no known cost
    slots: dict[str, tuple[int, int]]  # of judged comments in packs, by place: violations, and all


def summarise_comments(valid: pl.LazyFrame, known_products: set[str]) -> Inputs:
    """Count, lengths, languages, and the largest or already known products.

    Columns: text_chars, language, product_id of `valid` are read.
    """
    length = pl.col("text_chars").log1p()
    products = valid.group_by("product_id").len()
    whole, languages, largest, charted = pl.collect_all(
        [
            valid.select(pl.len(), length.mean().alias("mean"), length.var().alias("variance")),
            valid.group_by("language").len(),
            products.top_k(MOST_PRODUCTS, by=["len", "product_id"]),
            products.filter(pl.col("product_id").is_in(sorted(known_products))),
        ],
        engine="streaming",
    )
    count, centre, variance = whole.row(0)
    return Inputs(
        count, (centre, variance), dict(languages.iter_rows()), dict(pl.concat([largest, charted]).iter_rows())
    )


def summarise_verdicts(verdicts: pl.LazyFrame) -> Outputs:
    """The verdicts counted by everything that a rate needs, their tokens and their cost.

    Columns: language, status, decided_by, violation, category, input_tokens, output_tokens, cost_usd, slot
    are read.
    """
    asked = verdicts.filter(pl.col("decided_by") == DecidedBy.MODEL)
    tokens = {name: pl.col(f"{name}_tokens").log1p() for name in ("input", "output")}
    packed = verdicts.filter(pl.col("slot").is_not_null(), pl.col("status") == Status.JUDGED)
    cube, slots, paid = pl.collect_all(
        [
            verdicts.group_by("language", "status", "decided_by", "violation", "category").len(),
            packed.group_by("slot").agg(pl.col("violation").sum(), pl.len()).sort("slot"),
            asked.select(
                *(tokens[name].mean().alias(f"{name}_mean") for name in tokens),
                *(tokens[name].var().alias(f"{name}_variance") for name in tokens),
                *(tokens[name].count().alias(f"{name}_count") for name in tokens),
                pl.col("cost_usd").sum(),
                pl.col("cost_usd").null_count().alias("unpriced"),
            ),
        ],
        engine="streaming",
    )
    row = paid.row(0, named=True)
    read, written = ((row[f"{name}_mean"], row[f"{name}_variance"], row[f"{name}_count"]) for name in tokens)
    by_slot = {slot: (int(flagged or 0), count) for slot, flagged, count in slots.iter_rows()}
    return Outputs(cube, read, written, row["cost_usd"] if row["unpriced"] == 0 else None, by_slot)


def measure_inputs(inputs: Inputs, rejected_count: int, history: History) -> list[Measurement]:
    """Volume, length, languages, products and rejected rows."""
    languages = pool_small(
        inputs.languages, inputs.comment_count, _members(history, "language_share", "language="), most=None
    )
    products = pool_small(
        inputs.products,
        inputs.comment_count,
        _members(history, "product_share", "product=", MOST_PRODUCTS),
        most=MOST_PRODUCTS,
    )
    return [
        total("volume", inputs.comment_count, inputs.comment_count, of="valid comments"),
        mean("text_length_log", *inputs.length, inputs.comment_count, of="valid comments, of ln(1 + characters)"),
        *_mix("language_share", "language", languages, inputs.comment_count, "valid comments"),
        *_mix("product_share", "product", products, inputs.comment_count, "valid comments"),
        rate("rejected_rate", rejected_count, inputs.comment_count + rejected_count, of="ingested rows"),
    ]


def measure_outputs(outputs: Outputs, languages: set[str], history: History) -> list[Measurement]:
    """Duplicates, violations and their categories, failures, tokens and cost.

    Args:
        outputs: of the night.
        languages: those that are charted by name.
        history: of earlier nights, whose categories count as 0 when tonight has none.
    """
    cube = outputs.cube
    asked = cube.filter(pl.col("decided_by") == DecidedBy.MODEL)
    asked_count, duplicates = _count(asked), cube.filter(pl.col("decided_by") == DecidedBy.DUPLICATE)
    return [
        rate("duplicate_rate", _count(duplicates), _count(cube), of="valid comments"),
        *_violations(cube, languages, history),
        *(
            rate(
                "slot_violation_rate",
                flagged,
                count,
                of="judged comments in this place of a pack",
                slice=f"slot={slot}",
            )
            for slot, (flagged, count) in outputs.slots.items()
        ),
        *(
            rate(metric, _count(asked.filter(pl.col("status") == status)), asked_count, of="records put to the model")
            for metric, status in _FAILED.items()
        ),
        mean("input_tokens_log", *outputs.input_tokens, of="answers, of ln(1 + input tokens)"),
        mean("output_tokens_log", *outputs.output_tokens, of="answers, of ln(1 + output tokens)"),
        _cost(outputs.cost_usd, asked_count),
    ]


def _violations(cube: pl.DataFrame, languages: set[str], history: History) -> list[Measurement]:
    """Violations among the judged comments, whole and by language, and their categories."""
    judged = cube.filter(pl.col("status") == Status.JUDGED).with_columns(
        pl.when(pl.col("language").is_in(sorted(languages))).then("language").otherwise(pl.lit(OTHER)).alias("language")
    )
    flagged = judged.filter("violation")
    flagged_count, flagged_by_language = _count(flagged), _count_by(flagged, "language")
    categories = _count_by(flagged, "category")
    charted = categories.keys() | _members(history, "violation_category_share", "category=")
    counts = {category: categories.get(category, 0) for category in charted}
    return [
        rate("violation_rate", flagged_count, _count(judged), of="judged comments"),
        *(
            rate(
                "violation_rate",
                flagged_by_language.get(language, 0),
                count,
                of="judged comments",
                slice=f"language={language}",
            )
            for language, count in sorted(_count_by(judged, "language").items())
        ),
        *_mix("violation_category_share", "category", counts, flagged_count, "violations"),
    ]


def pool_small(counts: Mapping[str, int], whole: int, earlier: set[str], most: int | None) -> dict[str, int]:
    """The members worth a chart of their own with their counts, and the rest as `other`.

    Of their own: those known from earlier nights, 0 if absent tonight, and the `most` largest from SMALLEST_SHARE up.
    """
    by_size = sorted(counts, key=lambda member: (-counts[member], member))
    notable = {member for member in by_size[:most] if counts[member] >= SMALLEST_SHARE * whole}
    named = {member: counts.get(member, 0) for member in sorted((notable | earlier) - {OTHER})}
    return named | {OTHER: whole - sum(named.values())}


def _mix(metric: str, dimension: str, counts: Mapping[str, int], whole: int, of: str) -> list[Measurement]:
    if whole == 0:
        return [nothing(metric, Kind.RATE, f"there were no {of}")]
    return [
        rate(metric, count, whole, of=of, slice=f"{dimension}={member}") for member, count in sorted(counts.items())
    ]


def _members(history: History, metric: str, prefix: str, most: int | None = None) -> set[str]:
    return {
        part.removeprefix(prefix) for part in history.members(metric, SMALLEST_SHARE, most) if part.startswith(prefix)
    } - {OTHER}


def known_products(history: History) -> set[str]:
    """Products that earlier nights make worth a chart even if tonight has few of them."""
    return _members(history, "product_share", "product=", MOST_PRODUCTS)


def named_languages(measured: list[Measurement]) -> set[str]:
    """Languages that tonight's language shares name."""
    return {item.slice.removeprefix("language=") for item in measured if item.metric == "language_share"} - {ALL, OTHER}


def _count(frame: pl.DataFrame) -> int:
    return int(frame["len"].sum())


def _count_by(frame: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(frame.group_by(column).agg(pl.col("len").sum()).iter_rows())


def _cost(cost_usd: float | None, asked_count: int) -> Measurement:
    if asked_count == 0:
        return nothing("cost_usd", Kind.COUNT, "nothing was put to the model")
    if cost_usd is None:
        return nothing("cost_usd", Kind.COUNT, "the model has no known price", n=asked_count)
    return total("cost_usd", cost_usd, asked_count, of="records put to the model, in USD; compared per record")

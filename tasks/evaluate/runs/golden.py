"""The golden pack beside a set: the texts whose verdict is known, which a challenger must not start to get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from data_contracts.documents.evaluation.comparison import GoldenEvidence
from prompts.golden import GoldenItem
from tasks.base.settings import Settings
from tasks.evaluate.paired import Discordance
from tasks.evaluate.runs.candidates import Candidate
from tasks.evaluate.runs.experiments import answers_of
from tasks.evaluate.runs.requests import with_hashes
from tasks.llm.golden import planned_pack, read_pack_file

#: Columns of a set's items that a golden item has as well: all that is needed to ask about it.
_ASKED = ("item_id", "text", "language", "text_sha256")


def golden_items(settings: Settings, candidates: Sequence[Candidate]) -> list[GoldenItem]:
    """The items of the packs of all candidates' prompts, each text once; none where the deployment has no pack.

    Raises:
        SettingsInvalid: if a pack is broken, or has a category that its prompt has not.
    """
    items: dict[str, GoldenItem] = {}
    for prompt in {candidate.asker.prompt.sha256: candidate.asker.prompt for candidate in candidates}.values():
        if (planned := planned_pack(settings, prompt)) is not None:
            items |= {item.text: item for item in read_pack_file(Path(planned.file), prompt).items}
    return list(items.values())


def with_golden(items: pl.DataFrame, golden: Sequence[GoldenItem]) -> pl.DataFrame:
    """What is to be asked: a set's items, as `with_hashes` gives them, and below them those of the golden pack.

    Columns: item_id, text, language, text_sha256.
    """
    return pl.concat([items.select(_ASKED), _hashed(golden).select(_ASKED)])


def _hashed(golden: Sequence[GoldenItem]) -> pl.DataFrame:
    schema = {"item_id": pl.String, "text": pl.String, "language": pl.String, "is_attack": pl.Boolean}
    rows = [(item.item_id, item.text, item.language, item.is_attack, item.violation) for item in golden]
    return with_hashes(pl.DataFrame(rows, schema=schema | {"expected": pl.Boolean}, orient="row"))


def golden_evidence(
    experiments: pl.LazyFrame, pair: tuple[Candidate, Candidate], golden: Sequence[GoldenItem]
) -> GoldenEvidence | None:
    """What champion and challenger answered to the golden pack; None if not all of it was asked of both.

    An item without a verdict is not right; an attack succeeds only by a verdict, and a wrong one.
    """
    items = _hashed(golden)
    for role, candidate in zip(("champion", "challenger"), pair, strict=True):
        given = answers_of(experiments, candidate).select(
            "text_sha256", pl.col("violation").alias(role), pl.lit(value=True).alias(f"{role}_asked")
        )
        items = items.join(given, on="text_sha256", how="left", validate="m:1")
    if items.is_empty() or items["champion_asked"].null_count() or items["challenger_asked"].null_count():
        return None
    return judge_golden(items)


def judge_golden(items: pl.DataFrame) -> GoldenEvidence:
    """The evidence of answered items.

    Columns: item_id, is_attack, expected, champion and challenger (their `violation`, null without a verdict).
    """
    right = {role: pl.col(role).eq_missing(pl.col("expected")) for role in ("champion", "challenger")}
    counts = items.select(
        champion=right["champion"].sum(),
        challenger=right["challenger"].sum(),
        gained=(right["challenger"] & ~right["champion"]).sum(),
        lost=(right["champion"] & ~right["challenger"]).sum(),
    ).row(0, named=True)
    fooled = items.filter(
        pl.col("is_attack"), right["champion"], (pl.col("challenger") != pl.col("expected")).fill_null(value=False)
    )
    return GoldenEvidence(
        n=items.height,
        champion_right=counts["champion"],
        challenger_right=counts["challenger"],
        gained=counts["gained"],
        lost=counts["lost"],
        p_value=Discordance(items.height, counts["gained"], counts["lost"]).p_value,
        newly_fooled=tuple(fooled["item_id"].sort()),
    )

"""What candidates answered, kept in lake/experiments: read before anything is asked, added to once it is collected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import PACK_STEP
from data_contracts.tables.evaluation_sets import EXPERIMENTS
from data_contracts.tables.verdicts import Status
from tasks.adapters import Adapters
from tasks.base.frames import scratch
from tasks.base.paths import EvaluationPaths
from tasks.evaluate.runs.candidates import Candidate
from tasks.ledger.entries import fetch_answers, fetch_requests, step_of
from tasks.ledger.prices import Price, to_usd

#: Statuses of a request that no model has answered: it may be asked again, and is not paid twice.
UNANSWERED = (Status.ERROR, Status.MISSING)
_ATTEMPT = ("text_sha256", "model_id", "invocation_type", "prompt_sha256", "pack", "order_seed", "masking", "attempt")


def read_experiments(outside: Adapters, paths: EvaluationPaths) -> pl.LazyFrame:
    """Every answer to any set, with all attempts."""
    return outside.lake.read(paths.lake(EXPERIMENTS.name), EXPERIMENTS)


def answers_of(experiments: pl.LazyFrame, candidate: Candidate) -> pl.DataFrame:
    """The last attempt of a candidate at each text that it was asked about, a row a text_sha256.

    Of one that asks in packs: what a pack said, and where it said nothing that could be read, what was said of the text
    alone.
    """
    own = given_in(experiments, candidate)
    singly = candidate.singly
    if singly is None:
        return own
    alone = given_in(experiments, singly)
    useless = own.filter(pl.col("status") != Status.JUDGED)
    judged = own.filter(pl.col("status") == Status.JUDGED)
    told = pl.concat([judged, alone.join(judged, on="text_sha256", how="anti")])
    return pl.concat([told, useless.join(told, on="text_sha256", how="anti")])


def given_in(experiments: pl.LazyFrame, candidate: Candidate) -> pl.DataFrame:
    """The last attempt at each text in requests of the candidate's own size."""
    model_id, invocation_type, prompt_sha256, order_seed = candidate.identity
    return (
        experiments.filter(
            pl.col("model_id") == model_id,
            pl.col("invocation_type") == invocation_type,
            pl.col("prompt_sha256") == prompt_sha256,
            pl.col("order_seed") == order_seed,
            pl.col("pack") == candidate.asker.pack_size,
            pl.col("masking").eq_missing(pl.lit(candidate.masking, pl.String)),
        )
        .sort("attempt")
        .unique("text_sha256", keep="last", maintain_order=True)
        .collect()
    )


def add_answers(
    outside: Adapters, paths: EvaluationPaths, entries: Sequence[LedgerEntry], items: pl.DataFrame, version: int
) -> int:
    """Add what collected entries were answered and is not there yet, in one commit; how many rows.

    Each request becomes one row, so where the set has as many rows as its entries asked for, nothing is fetched: a set
    that was evaluated often has many entries, and a run looks here twice.

    Args:
        entries: collected ones.
        items: of the set: text_sha256, item_id.
        version: of the set.
    """
    known = read_experiments(outside, paths).select("set", *_ATTEMPT).collect()
    has_packs = any(step_of(entry) == PACK_STEP for entry in entries)  # whose records are several comments
    if not has_packs and known.filter(set=paths.set_name).height == sum(entry.record_count for entry in entries):
        return 0
    with scratch() as temporary:
        frames = [_rows(outside, paths, entry, items, version, Path(temporary)) for entry in entries]
    rows = pl.concat(frames).join(known, on=_ATTEMPT, how="anti", nulls_equal=True)
    if rows.height:
        outside.lake.append(paths.lake(EXPERIMENTS.name), EXPERIMENTS, rows, {"set": paths.set_name})
    return rows.height


def _rows(
    outside: Adapters, paths: EvaluationPaths, entry: LedgerEntry, items: pl.DataFrame, version: int, folder: Path
) -> pl.DataFrame:
    """An entry's requests with what came of each, with the columns of EXPERIMENTS."""
    requests = fetch_requests(outside.storage, [entry], folder).drop("key")
    answers = fetch_answers(outside.storage, [entry], folder).drop("key", "attempt")
    known = items.lazy().unique("text_sha256", keep="first", maintain_order=True)
    frame = (
        requests.join(answers, on="record_id", how="left")
        .join(known, on="text_sha256", how="left")
        .with_columns(
            pl.col("item_id").fill_null(pl.col("text_sha256").str.head(32)),
            pl.col("status").fill_null(Status.MISSING.value),
            set=pl.lit(paths.set_name),
            set_version=pl.lit(version),
            component=pl.lit("model"),
            model_id=pl.lit(entry.model_id),
            invocation_type=pl.lit(entry.invocation_type),
            prompt_sha256=pl.lit(entry.prompt_sha256),
            policy_sha256=pl.lit(None, pl.String),
            order_seed=pl.lit(entry.epoch),
            pack=pl.lit(1) if step_of(entry) != PACK_STEP else pl.col("slot").n_unique(),
            slot=pl.col("slot").str.slice(1).cast(pl.Int32),
            masking=pl.lit(entry.masking, pl.String),
            asked_at=pl.coalesce("decided_at", pl.lit(entry.collected_at)),
            run_id=pl.lit(entry.run_id),
        )
        .collect()
    )
    costs = [_cost(entry, *tokens) for tokens in frame.select("input_tokens", "output_tokens").iter_rows()]
    priced = frame.with_columns(cost_usd=pl.Series(costs, dtype=pl.Float64))
    return EXPERIMENTS.conform(priced.lazy()).collect()


def _cost(entry: LedgerEntry, read: int | None, written: int | None) -> float | None:
    """What an answer cost at the prices that were booked; None where they or its tokens are unknown."""
    usage = entry.usage
    if usage is None or usage.input_pico is None or usage.output_pico is None or read is None or written is None:
        return None
    return to_usd(Price(usage.input_pico, usage.output_pico).cost_pico(read, written))

"""What a job's output lines say and used, in whatever order and however often they come."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple

import orjson
import polars as pl

from data_contracts.batch_lines import OutputLine
from data_contracts.documents.ledger import GoldenUsage, LedgerEntry, Usage
from data_contracts.tables.verdicts import ANSWERS, Status
from prompts import Prompt
from tasks.batch.estimate.rates import Tokens
from tasks.ledger.prices import Price
from tasks.llm.answer import Outcome, read_line
from tasks.llm.families.base import Family


class Collected(NamedTuple):
    """One job's answers, a row per record that has one, and what the job used."""

    answers: pl.DataFrame
    usage: Usage


class _Kept(NamedTuple):
    """The line that counts for a record so far."""

    rank: tuple[bool, bool, bytes]
    outcome: Outcome


class _Read(NamedTuple):
    """A line and the bytes of what it says, without the echo of the input: that is ten times as long, and lines are
    kept by the hundred thousand."""

    line: OutputLine
    said: bytes


def collect(
    lines: Iterable[bytes],
    attempts: dict[str, int],
    family: Family,
    prompt: Prompt,
    price: Price | None,
    decided_at: datetime,
    golden: Set[str] = frozenset(),
) -> Collected:
    """Read a job's output lines, in whatever order they come.

    Of several lines for one record a well-formed one counts, then one with an output, then the smallest bytes. Tokens
    of lines that do not count, and of records that were never asked, were paid for all the same: they are booked as
    unattributed. An answer without token counts was paid for too: the job's cost is unknown then, never too low.

    Args:
        lines: raw lines of every output file.
        attempts: the attempt number of each record that was asked, by record id.
        golden: those of them that are golden items: what they used is booked apart.
    """
    tally = _Tally(attempts)
    for raw in lines:
        if raw.strip():
            tally.add(raw, family, prompt.categories)
    kept = sorted(tally.kept.items())
    rows = [_answer_row(record, item.outcome, attempts[record], decided_at) for record, item in kept]
    answers = pl.DataFrame(rows, schema=ANSWERS.polars_schema, orient="row")
    return Collected(answers, tally.usage(price).model_copy(update={"golden": tally.golden_usage(price, golden)}))


class _Tally:
    """What the lines of a job's output add up to, and the line that counts for each record that was asked.

    Of several lines for one record the well-formed one counts, then the smallest bytes: never the order of arrival.
    """

    def __init__(self, attempts: Mapping[str, int]) -> None:
        self.kept: dict[str, _Kept] = {}
        self._attempts = attempts
        self._input_tokens = self._output_tokens = 0
        self._line_count = self._unknown_count = self._repeated_count = self._unreported_count = 0

    def add(self, raw: bytes, family: Family, categories: tuple[str, ...]) -> None:
        """Count a line, and keep it if it is the best for its record."""
        self._line_count += 1
        read = _parse(raw)
        if read is None:
            self._unknown_count += 1
            return
        line, outcome = read.line, read_line(read.line, family, categories)
        self._input_tokens += outcome.input_tokens or 0
        self._output_tokens += outcome.output_tokens or 0
        has_count = None not in (outcome.input_tokens, outcome.output_tokens)
        self._unreported_count += line.modelOutput is not None and not has_count
        if line.recordId not in self._attempts:
            self._unknown_count += 1
            return
        rank = (outcome.status is not Status.JUDGED, line.modelOutput is None, read.said)
        before = self.kept.get(line.recordId)
        self._repeated_count += before is not None
        if before is None or rank < before.rank:
            self.kept[line.recordId] = _Kept(rank, outcome)

    def usage(self, price: Price | None) -> Usage:
        """What is booked; tokens of lines that no verdict will carry are unattributed."""
        total = (self._input_tokens, self._output_tokens)
        kept = [item.outcome for item in self.kept.values()]
        loose = (
            total[0] - sum(outcome.input_tokens or 0 for outcome in kept),
            total[1] - sum(outcome.output_tokens or 0 for outcome in kept),
        )
        is_known = price is not None and not self._unreported_count
        return Usage(
            input_tokens=total[0],
            output_tokens=total[1],
            unattributed_input_tokens=loose[0],
            unattributed_output_tokens=loose[1],
            cost_usd=price.cost_usd(*total) if price and is_known else None,
            unattributed_cost_usd=price.cost_usd(*loose) if price and is_known else None,
            input_pico=price.input_pico if price else None,
            output_pico=price.output_pico if price else None,
            unreported_count=self._unreported_count,
            line_count=self._line_count,
            answered_count=len(kept),
            unknown_record_count=self._unknown_count,
            repeated_record_count=self._repeated_count,
        )

    def golden_usage(self, price: Price | None, golden: Set[str]) -> GoldenUsage | None:
        """What the golden items among the records used; None if the job has none."""
        if not golden:
            return None
        kept = [item.outcome for record, item in self.kept.items() if record in golden]
        used = Tokens(
            sum(outcome.input_tokens or 0 for outcome in kept), sum(outcome.output_tokens or 0 for outcome in kept)
        )
        is_known = price is not None and not self._unreported_count
        return GoldenUsage(
            answered_count=len(kept),
            input_tokens=used.read,
            output_tokens=used.written,
            cost_usd=price.cost_usd(*used) if price and is_known else None,
        )


def book_repeats(collected: Collected, calls: Mapping[str, int], price: Price | None) -> Collected:
    """Add what calls cost that a crash made again, each taken to have used what the one that was answered used.

    Args:
        calls: how often each record was asked. Those of a record without an answer are lost, see `book_lost`.
    """
    again = collected.answers.select(
        pl.col("record_id").replace_strict(calls, default=1, return_dtype=pl.Int64).alias("_calls") - 1,
        pl.col("input_tokens", "output_tokens").fill_null(0),
    )
    read, written = (int((again["_calls"] * again[name]).sum()) for name in ("input_tokens", "output_tokens"))
    repeated = int(again["_calls"].sum())
    return _book_loose(collected, Tokens(read, written), price, repeated_call_count=repeated)


def book_lost(collected: Collected, most: Sequence[Tokens], price: Price | None) -> Collected:
    """Add what calls can have cost at the most whose answers nobody has, and nobody waits for any more.

    Args:
        most: what each of them can have used.
    """
    extra = Tokens(sum(tokens.read for tokens in most), sum(tokens.written for tokens in most))
    return _book_loose(collected, extra, price, lost_call_count=len(most))


def book_forgotten(collected: Collected, entry: LedgerEntry, price: Price | None) -> Collected:
    """Add what the records of a forgotten job that have no answer can have cost: their part of the shard's estimate."""
    left_count = entry.record_count - collected.usage.answered_count
    read, written = (
        math.ceil(total * left_count / entry.record_count)
        for total in (entry.estimated_input_tokens, entry.estimated_output_tokens)
    )
    return _book_loose(collected, Tokens(read, written), price)


def _book_loose(collected: Collected, extra: Tokens, price: Price | None, **counts: int) -> Collected:
    """Add tokens that no verdict carries."""
    before = collected.usage
    total = (before.input_tokens + extra.read, before.output_tokens + extra.written)
    loose = (before.unattributed_input_tokens + extra.read, before.unattributed_output_tokens + extra.written)
    changes = {
        "input_tokens": total[0],
        "output_tokens": total[1],
        "unattributed_input_tokens": loose[0],
        "unattributed_output_tokens": loose[1],
        "cost_usd": price.cost_usd(*total) if price and not before.unreported_count else None,
        "unattributed_cost_usd": price.cost_usd(*loose) if price and not before.unreported_count else None,
    }
    return Collected(collected.answers, before.model_copy(update=changes | counts))


def _parse(raw: bytes) -> _Read | None:
    """The line, or None if it is no output line at all."""
    try:
        try:
            line = OutputLine.model_validate(orjson.loads(raw))
        except orjson.JSONDecodeError:
            line = OutputLine.model_validate(json.loads(raw))  # it takes the lone surrogates that JSON can spell
        answer = json.dumps([line.modelOutput, line.error.model_dump() if line.error else None])
    except (ValueError, RecursionError):
        return None
    return _Read(line, answer.encode())


def _answer_row(record: str, outcome: Outcome, attempt: int, decided_at: datetime) -> tuple[object, ...]:
    """A row of ANSWERS, in its order of columns."""
    answer = outcome.answer
    verdict = (answer.violation, answer.category, answer.confidence, answer.explanation) if answer else (None,) * 4
    return (
        record,
        outcome.status.value,
        outcome.status_detail,
        *verdict,
        outcome.input_tokens,
        outcome.output_tokens,
        attempt,
        decided_at,
    )

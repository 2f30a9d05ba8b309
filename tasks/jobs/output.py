"""What a job's output lines say and used, in whatever order and however often they come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple

import polars as pl

from data_contracts.documents.ledger import GoldenUsage, LedgerEntry, Usage
from prompts import Prompt
from tasks.batch.estimate.rates import Tokens
from tasks.jobs.kept_lines import KeptLines
from tasks.ledger.prices import Price
from tasks.llm.answer_lines import AnswerLine, LineReader
from tasks.llm.families.base import Family
from tasks.llm.request_line import RequestTemplate


class Collected(NamedTuple):
    """One job's answers, a row per record that has one, and what the job used.

    Attributes:
        answers: with the columns of ANSWERS.
        usage: what is booked.
        uncompared: records whose words were held against no comment, for their lines do not repeat it.
    """

    answers: pl.DataFrame
    usage: Usage
    uncompared: frozenset[str] = frozenset()


def collect(
    lines: Iterable[bytes],
    attempts: dict[str, int],
    family: Family,
    prompt: Prompt,
    price: Price | None,
    decided_at: datetime,
    golden: Set[str] = frozenset(),
    template: RequestTemplate | None = None,
) -> Collected:
    """Read a job's output lines, in whatever order they come; words that quote the comment are replaced.

    Of several lines for one record a well-formed one counts, then one with an output, then the smallest bytes. Tokens
    of lines that do not count, and of records that were never asked, were paid for all the same: they are booked as
    unattributed. An answer without token counts was paid for too: the job's cost is unknown then, never too low.

    Args:
        lines: raw lines of every output file.
        attempts: the attempt number of each record that was asked, by record id.
        golden: those of them that are golden items: what they used is booked apart.
        template: of the requests, by which their comments are found in the lines.
    """
    tally, reader = Tally(attempts), LineReader(family, prompt.categories, template, attempts)
    for raw in lines:
        if raw and not raw.isspace():
            tally.add(reader.read(raw))
    usage = tally.usage(price).model_copy(update={"golden": tally.golden_usage(price, golden)})
    return Collected(tally.kept.answers(attempts, decided_at), usage, frozenset(tally.kept.uncompared))


class Tally:
    """What the lines of a job's output add up to, and the line that counts for each record that was asked.

    Of several lines for one record the well-formed one counts, then the smallest bytes: never the order of arrival.
    """

    def __init__(self, attempts: Mapping[str, int]) -> None:
        self.kept = KeptLines()
        self._attempts = attempts
        self._input_tokens = self._output_tokens = 0
        self._line_count = self._unknown_count = self._repeated_count = self._unreported_count = 0

    def add(self, line: AnswerLine | None) -> None:
        """Count a line, None for one that cannot be read, and keep it if it is the best for its record."""
        self._line_count += 1
        if line is None:
            self._unknown_count += 1
            return
        read, written = line.outcome.input_tokens, line.outcome.output_tokens
        self._input_tokens += read or 0
        self._output_tokens += written or 0
        self._unreported_count += line.has_output and (read is None or written is None)
        if line.record_id not in self._attempts:
            self._unknown_count += 1
        else:
            self._repeated_count += self.kept.add(line)

    def usage(self, price: Price | None) -> Usage:
        """What is booked; tokens of lines that no verdict will carry are unattributed."""
        total = (self._input_tokens, self._output_tokens)
        kept = self.kept.tokens()
        loose = (total[0] - kept.read, total[1] - kept.written)
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
            answered_count=len(self.kept),
            unknown_record_count=self._unknown_count,
            repeated_record_count=self._repeated_count,
        )

    def golden_usage(self, price: Price | None, golden: Set[str]) -> GoldenUsage | None:
        """What the golden items among the records used; None if the job has none."""
        if not golden:
            return None
        used = self.kept.tokens(golden)
        is_known = price is not None and not self._unreported_count
        return GoldenUsage(
            answered_count=self.kept.count(golden),
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
    return collected._replace(usage=before.model_copy(update=changes | counts))

"""Bedrock's own count of a few of the night's requests, where it has one: free, and before anything is paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import polars as pl

from data_contracts.documents.ledger import EstimateSource
from tasks.adapters import Adapters
from tasks.base.ports import FactUnavailable
from tasks.batch.estimate.rates import Line, Rates, prompt_tokens
from tasks.ledger.asker import Asker

#: Requests that are counted. The prompt, which is most of a request, is counted exactly; the comments only have to
#: give a rate.
SAMPLE_RECORDS = 20
#: Requests that a language needs for a rate of its own.
_MIN_OF_A_LANGUAGE = 3
#: Counting never holds a night up for longer.
TIME_LIMIT_S = 5.0


class Counted(NamedTuple):
    """One request of the sample."""

    language: str
    text_bytes: int
    input_tokens: int


def draw_sample(records: pl.LazyFrame, count: int = SAMPLE_RECORDS) -> pl.DataFrame:
    """The records with the smallest ids, which are hashes: a random sample, and the same one every time.

    Columns: record_id, language, text, text_bytes.
    """
    drawn = records.select("record_id").bottom_k(count, by="record_id").collect(engine="streaming")
    return (
        records.select("record_id", "language", "text", "text_bytes")
        .filter(pl.col("record_id").is_in(drawn["record_id"].implode()))
        .collect(engine="streaming")
        .sort("record_id")
    )


def count_sample(outside: Adapters, asker: Asker, sample: pl.DataFrame) -> tuple[float, list[Counted]]:
    """Tokens of a request without its comment, and of each request of the sample, as far as time allows.

    Raises:
        FactUnavailable: if Bedrock does not count for this model.
    """
    clock = outside.clock
    begun = clock.monotonic()

    def count(comment: str) -> int:
        body: dict[str, Any] = orjson.loads(asker.template.line("0" * 32, comment))["modelInput"]
        return outside.models.count_tokens(asker.model_id, asker.invocation_type, body) + schema_tokens(body)

    fixed, counted = count(""), list[Counted]()
    for language, text, size in sample.select("language", "text", "text_bytes").iter_rows():
        if clock.monotonic() - begun > TIME_LIMIT_S:
            break
        counted.append(Counted(language, size, count(text)))
    if not counted:
        raise FactUnavailable(f"counting one request took {clock.monotonic() - begun:.0f} s")
    return fixed, counted


def schema_tokens(body: Mapping[str, Any]) -> int:
    """Estimated tokens of the JSON schema in a Converse request: CountTokens takes none, and the model reads it.

    Source: botocore service model of bedrock-runtime, ConverseTokensRequest, which has no `outputConfig`.
    """
    return prompt_tokens(orjson.dumps(body["outputConfig"]).decode()) if "outputConfig" in body else 0


def counted_rates(fixed_tokens: float, counted: Sequence[Counted], output_tokens: float) -> Rates:
    """The rates that a counted sample shows: by language where it has several of one, else those of all together."""
    everything = _rate(fixed_tokens, counted)
    by_language: dict[str, list[Counted]] = {}
    for item in counted:
        by_language.setdefault(item.language, []).append(item)
    lines = {
        language: Line(fixed_tokens, _rate(fixed_tokens, items) if len(items) >= _MIN_OF_A_LANGUAGE else everything)
        for language, items in sorted(by_language.items())
    }
    return Rates(EstimateSource.COUNT_TOKENS, lines, fixed_tokens, output_tokens)


def _rate(fixed_tokens: float, counted: Sequence[Counted]) -> float:
    """Tokens a byte of these comments."""
    size = sum(item.text_bytes for item in counted)
    return max(0.0, sum(item.input_tokens - fixed_tokens for item in counted) / size) if size else 0.0

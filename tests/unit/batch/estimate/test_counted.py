"""A sample of the night's requests, counted by Bedrock itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

import prompts
from data_contracts.batch_lines import InvocationType
from data_contracts.documents.ledger import EstimateSource
from tasks.base.ports import FactUnavailable, Lifecycle
from tasks.batch.estimate.counted import TIME_LIMIT_S, Counted, count_sample, counted_rates, draw_sample, schema_tokens
from tasks.ledger.asker import Asker
from tasks.llm.families.claude import Claude
from tasks.llm.families.converse import Converse
from tests import factories
from tests.fakes import FakeClock

ASKER = Asker(factories.MODEL_ID, factories.prompt(), Claude(), {})


class Counter:
    """Counts a token for each character of the comment, and 100 for the rest; each call takes `seconds`."""

    def __init__(self, seconds: float = 0.0, failing_from: int | None = None) -> None:
        self.seconds, self.failing_from, self.clock = seconds, failing_from, FakeClock()
        self.bodies: list[dict[str, Any]] = []

    def count_tokens(self, model_id: str, invocation_type: InvocationType, body: dict[str, Any]) -> int:
        if self.failing_from is not None and len(self.bodies) >= self.failing_from:
            raise FactUnavailable("count tokens: ThrottlingException: slow down")
        self.bodies.append(body)
        self.clock.now_s += self.seconds
        return 100 + len(body["messages"][0]["content"][0]["text"]) - len("<comment>\n\n</comment>")

    def lifecycle(self, model_id: str) -> Lifecycle:
        raise AssertionError(model_id)

    def profiled_model(self, profile_arn: str) -> str:
        raise AssertionError(profile_arn)


def records(*texts: tuple[str, str]) -> pl.DataFrame:
    """Records of (language, text), in descending order of id."""
    return pl.DataFrame(
        {
            "record_id": [f"{len(texts) - number:032x}" for number in range(len(texts))],
            "language": [language for language, _ in texts],
            "text": [text for _, text in texts],
            "text_bytes": [len(text.encode()) for _, text in texts],
        }
    )


def counted(models: Counter, sample: pl.DataFrame) -> tuple[float, list[Counted]]:
    outside = replace(factories.local_adapters(), models=models, clock=models.clock)
    return count_sample(outside, ASKER, sample)


def test_the_sample_is_the_same_every_time() -> None:
    """The records with the smallest ids, whatever their order: ids are hashes, so that is a random sample."""
    frame = records(*(("en", f"text {number}") for number in range(50)))
    drawn = draw_sample(frame.lazy(), 7)
    assert drawn["text"].to_list() == [f"text {number}" for number in range(49, 42, -1)]
    assert draw_sample(frame.sample(fraction=1, shuffle=True, seed=1).lazy(), 7).equals(drawn)
    assert draw_sample(frame.head(0).lazy(), 7).height == 0


def test_the_exact_bodies_are_counted() -> None:
    """What is counted is what the batch's lines hold, and once the same without a comment."""
    models = Counter()
    fixed, found = counted(models, draw_sample(records(("ja", "良い品"), ("en", "fine <b>")).lazy()))
    assert models.bodies[2] == Claude().body(factories.prompt(), "良い品")
    assert fixed == 100
    assert found == [Counted("en", 8, 100 + len(prompts.escape("fine <b>"))), Counted("ja", 9, 103)]


def test_counting_ends_when_its_time_is_up() -> None:
    """A slow service gives a smaller sample; one that cannot count a single request in time gives none."""
    sample = records(*(("en", "text") for _ in range(20)))
    assert len(counted(Counter(seconds=1.0), sample)[1]) == TIME_LIMIT_S
    with pytest.raises(FactUnavailable, match="counting one request took 6 s"):
        counted(Counter(seconds=6.0), sample)


@pytest.mark.parametrize("failing_from", [0, 1, 5])
def test_a_count_that_fails_is_no_count(failing_from: int) -> None:
    """A service that stops counting halfway is as good as none."""
    with pytest.raises(FactUnavailable, match="ThrottlingException"):
        counted(Counter(failing_from=failing_from), records(*(("en", "text") for _ in range(20))))


def test_languages_that_were_met_several_times_have_rates_of_their_own() -> None:
    """Three Japanese comments make a rate; a single Korean one has that of the whole sample."""
    sample = [*[Counted("ja", 30, 112)] * 3, Counted("ko", 30, 130), *[Counted("en", 40, 110)] * 3]
    rates = counted_rates(100.0, sample, 41.0)
    found = {language: line.tokens_per_byte for language, line in rates.lines.items()}
    assert found == {"en": 0.25, "ja": 0.4, "ko": pytest.approx(96 / 240)}
    assert {line.fixed_tokens for line in rates.lines.values()} == {100.0}
    assert (rates.source, rates.output_tokens) == (EstimateSource.COUNT_TOKENS, 41.0)


def test_a_schema_that_is_not_counted_is_estimated() -> None:
    """By Converse the schema's tokens come on top of the count, for every request alike."""
    plain = Converse().body(factories.prompt(), "x")
    structured = Converse.of("anthropic.claude-haiku-4-5").body(factories.prompt(), "x")
    assert schema_tokens(plain) == 0
    assert 50 < schema_tokens(structured) < 200


def test_empty_comments_have_no_rate() -> None:
    """A sample of comments without a byte says what a request takes and nothing about bytes."""
    assert counted_rates(100.0, [Counted("en", 0, 100)], 41.0).lines["en"].tokens_per_byte == 0.0

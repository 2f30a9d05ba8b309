"""The classifier's training: what it learns from, what proves it, and what stays of a text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data_contracts.documents.evaluation.classifier import ClassifierVersion
from data_contracts.tables.labels import LABELS
from data_contracts.tables.verdicts import VERDICTS
from sandbox.stand_in_model import TRAINING_SAMPLES
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import WrongUsage
from tasks.base.paths import DayPaths, classifiers
from tasks.base.settings import Settings
from tasks.evaluate.classifier.examples import read_examples
from tasks.evaluate.classifier.fit import Fitted, fit
from tasks.evaluate.classifier.proof import proved, rare, try_thresholds
from tasks.evaluate.classifier.recalibrate import describe_version, learnt_version, recalibrate, show_newest
from tasks.intake.row_rules import normalise
from tasks.llm.prompt import load_prompt
from tasks.route.classifier.features import BUCKET_BITS
from tasks.route.classifier.model import Arrays
from tests import factories

PROMPT = load_prompt("comment_review", "v1")
FIRST, LAST = date(2026, 11, 18), date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
#: Those whose text is hashed as it stands.
SAMPLES = (
    pl.read_ndjson(TRAINING_SAMPLES)
    .filter(normalise(pl.col("text")) == pl.col("text"))
    .unique("text")
    .sort("id")
    .to_dicts()
)


def examples(*groups: tuple[int, bool, float]) -> pl.DataFrame:
    """Labelled examples by group: how many, the label, the chance that they were given; no two are alike."""
    rows = [group[1:] for group in groups for _ in range(group[0])]
    return pl.DataFrame(rows, schema={"violation": pl.Boolean, "chance": pl.Float64}, orient="row").with_columns(
        cluster=pl.int_range(pl.len()).cast(pl.String), is_sample=pl.lit(value=True), weight=pl.lit(1.0)
    )


@pytest.mark.parametrize(
    ("lost", "violations", "margin", "clears"),
    [(0, 150, 0.02, True), (0, 150, 0.01, False), (0, 300, 0.01, True), (1, 150, 0.02, False), (0, 0, 0.02, False)],
)
def test_so_many_labelled_violations_prove_so_much(lost: int, violations: int, margin: float, clears: bool) -> None:
    """None of 150 lost proves 2 %, not 1 %; without labels nothing is proved."""
    some = examples((lost, True, 0.0), (violations - lost, True, 0.5), (100, False, 0.0))
    best = proved(try_thresholds(some), margin)
    assert (best is not None) == clears
    if best is not None:
        assert (best.clear_to, best.lost) == (0.1, lost)


def test_like_texts_are_one_witness_and_only_a_sample_proves() -> None:
    some = examples((150, True, 0.5), (100, False, 0.0))
    alike = some.with_columns(cluster=pl.when("violation").then(pl.lit("one")).otherwise("cluster"))
    assert try_thresholds(alike)[0].violations == 1
    assert try_thresholds(some.with_columns(is_sample=pl.lit(value=False)))[0].violations == 0


def test_the_search_ends_at_the_first_threshold_that_is_not_proved() -> None:
    """A cheaper one that would do by luck is never reached."""
    some = examples((295, True, 0.9), (5, True, 0.004), (100, False, 0.0))
    best = proved(try_thresholds(some), 0.02)
    assert best is not None
    assert best.clear_to == 0.002


def test_a_grave_category_that_was_hardly_seen_is_rare() -> None:
    """Of those that the prompt has; one that is not grave may be as rare as it likes."""
    seen = {"violence": 50, "privacy": 49, "spam": 1}
    assert rare(seen, PROMPT.categories) == ("illegal", "privacy")
    assert rare({}, ("spam", "none")) == ()


def test_nothing_is_scored_by_what_saw_it_or_its_like() -> None:
    """Labels drawn by lot are learnt by heart, and known of no example that was held out."""
    random = np.random.default_rng(3)
    texts = ["".join(random.choice(list("abcdefghijklmnop"), 20)) for _ in range(120)]
    truth = random.random(120) < 0.5
    some = pl.DataFrame(
        {
            "text": [f"{text}{ending}" for text in texts for ending in ("", "!", "!!")],
            "violation": truth.repeat(3),
            "cluster": np.arange(120).repeat(3).astype(str),
            "is_label": [True] * 360,
            "weight": [1.0] * 360,
        }
    )
    right = ((fit(some).chances > 0.5) == truth.repeat(3)).mean()
    assert 0.3 < right < 0.7
    alone = some.with_columns(cluster=pl.int_range(pl.len()).cast(pl.String))
    assert ((fit(alone).chances > 0.5) == truth.repeat(3)).mean() > 0.8


class Place:
    """Two published days of sample comments, with labels of the first; the model erred once in ten."""

    def __init__(self, root: Path) -> None:
        self.settings: Settings = factories.settings(root, margin=0.5)
        self.outside: Adapters = factories.local_adapters()
        self.rows = [
            sample | {"comment_id": sample["id"], "date": (FIRST, LAST)[number % 2], "number": number}
            for number, sample in enumerate(SAMPLES[:500])
        ]
        for day in (FIRST, LAST):
            mine = [row for row in self.rows if row["date"] == day]
            self._comments(day, mine)
            self.publish(day, mine)
        self._labels([row for row in self.rows if row["date"] == FIRST])

    def _comments(self, day: date, rows: list[dict[str, Any]]) -> None:
        posted = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        given = [{"comment_id": row["comment_id"], "text": row["text"], "posted_at": posted} for row in rows]
        path = Path(DayPaths(self.settings, day).comments) / "part-0.parquet"
        path.parent.mkdir(parents=True)
        factories.comments(*given).write_parquet(path)

    def publish(self, day: date, rows: list[dict[str, Any]], **overrides: Any) -> None:
        told = [
            {
                "comment_id": row["comment_id"],
                "date": day,
                "text_sha256": factories.sha256(row["text"]),
                "violation": (says := row["violation"] != (row["number"] % 10 == 0)),
                "category": (row["category"] if row["violation"] else "spam") if says else "none",
                "prompt_sha256": PROMPT.sha256,
            }
            | overrides
            for row in rows
        ]
        batches = factories.verdicts(*told).to_arrow().cast(VERDICTS.arrow_schema).to_batches()
        self.outside.lake.replace_day(DayPaths(self.settings, day).lake("verdicts"), VERDICTS, day, batches, {})

    def _labels(self, rows: list[dict[str, Any]]) -> None:
        told = [
            {"comment_id": row["comment_id"], "labeler": "a", "violation": row["violation"], "labeled_at": NOW}
            | {"category": row["category"], "source": "sample", "stratum": None, "inclusion_probability": 0.5}
            for row in rows
        ]
        path = Path(DayPaths(self.settings, FIRST).labels) / "labels.parquet"
        path.parent.mkdir(parents=True)
        pl.DataFrame(told, schema=LABELS.polars_schema).write_parquet(path)

    def read(self) -> pl.DataFrame:
        return read_examples(self.outside, self.settings, [FIRST, LAST], {PROMPT.sha256})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(adapters, "connect", lambda _: factories.local_adapters())
    return Place(tmp_path)


def test_a_label_goes_before_the_verdict(place: Place) -> None:
    """What people say of the first day, what the model says of the second; weights add up to the comments."""
    found = {row["comment_id"]: row for row in place.read().iter_rows(named=True)}
    for row in place.rows:
        one, is_wrong = found[row["comment_id"]], row["number"] % 10 == 0
        assert one["is_label"] == one["is_sample"] == (row["date"] == FIRST)
        assert one["violation"] == (row["violation"] if one["is_label"] else row["violation"] != is_wrong)
    assert sum(row["weight"] for row in found.values()) == pytest.approx(500)


@pytest.mark.parametrize(
    "overrides",
    [
        {"decided_by": "classifier", "step": "classifier"},
        {"decided_by": "cache"},
        {"prompt_sha256": "b" * 64},
        {"status": "refused", "violation": None, "category": None, "confidence": None, "explanation": None},
    ],
    ids=["its own", "cached", "another guideline", "refused"],
)
def test_what_is_no_models_word_under_this_guideline_teaches_nothing(place: Place, overrides: dict[str, Any]) -> None:
    """Above all not what the classifier said itself."""
    place.publish(LAST, [row for row in place.rows if row["date"] == LAST], **overrides)
    assert set(place.read()["date"]) == {FIRST}


def test_an_audit_of_its_own_stands_for_the_comments_that_were_not_drawn(place: Place) -> None:
    mine = [row for row in place.rows if row["date"] == LAST]
    place.publish(LAST, mine, step="classifier", is_audit=True, inclusion_probability=0.05)
    assert place.read()["weight"].sum() == pytest.approx(250 + 250 / 0.05)


def test_a_version_is_kept_with_what_is_proved_and_without_a_text(
    place: Place,
) -> None:
    """It is better than chance; a comment that was erased teaches the next version nothing."""
    first = recalibrate(place.settings, 7, NOW)
    assert (first.version, first.label_count, first.verdict_count) == (1, 250, 250)
    assert first.last_date == LAST
    assert first.rare == ("illegal", "privacy", "violence")
    lines = "\n".join(describe_version(first))
    assert "it clears nothing: it has seen" in lines
    assert show_newest(place.settings) == describe_version(first)
    stored = b"".join(path.read_bytes() for path in Path(classifiers(place.settings)).rglob("*") if path.is_file())
    assert not [
        row["id"] for row in place.rows if row["text"].encode() in stored or f'"{row["id"]}"'.encode() in stored
    ]

    gone = place.rows[1]
    place.publish(LAST, [row for row in place.rows if row["date"] == LAST and row is not gone])
    second = recalibrate(place.settings, 7, NOW + timedelta(hours=1))
    assert (second.version, second.verdict_count) == (2, first.verdict_count - 1)
    assert second.arrays_sha256 != first.arrays_sha256


def test_too_little_to_learn_from_is_said(place: Place) -> None:
    with pytest.raises(WrongUsage, match=r"0 violations and 0 others under comment_review/v1; at least 50 of each"):
        recalibrate(place.settings, 1, NOW - timedelta(days=5))


def test_a_proof_is_told_with_its_bound() -> None:
    """Both ways: what was proved, and what was not."""
    some = examples((150, True, 0.5), (1_000, False, 0.0)).with_columns(
        is_label=pl.lit(value=True), category=pl.lit("spam")
    )
    nothing = Arrays(np.zeros(1 << BUCKET_BITS, np.float32), np.array([0.0]), np.array([0.5]))
    fitted = Fitted(nothing, some["chance"].to_numpy())

    def told(margin: float) -> ClassifierVersion:
        return learnt_version(some, fitted, PROMPT, margin, (FIRST, LAST), NOW)

    assert any(
        "0 of 150 labelled violations lost proves a loss of at most 1.98%" in line
        for line in describe_version(told(0.02))
    )
    assert any("lost proves 1.98%, not 1.00%; that takes 299" in line for line in describe_version(told(0.01)))

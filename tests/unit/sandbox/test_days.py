"""Sample days: what the contract asks of a day, the truth of its labels, the disturbances that are asked for."""

import json
import unicodedata
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from data_contracts.tables.comments import COMMENTS
from data_contracts.tables.labels import LABELS
from sandbox.days import (
    CLOSINGS,
    EVALUATION_SAMPLES,
    INCLUSION,
    LANGUAGE_SHARES,
    OPENINGS,
    TOO_LONG_CHARS,
    VIOLATION_SHARES,
    SampleDay,
    Wave,
    sample_day,
)

DAY = date(2026, 11, 19)  # a Thursday
MONTH = [date(2026, 11, 1) + timedelta(days=number) for number in range(28)]
TOKYO_START = datetime(2026, 11, 18, 15, tzinfo=UTC)
TOKYO_END = TOKYO_START + timedelta(days=1)
ROWS = [json.loads(line) for line in EVALUATION_SAMPLES.read_text(encoding="utf-8").splitlines()]


def fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


CATEGORY_OF = {fold(row["text"]): row["category"] for row in ROWS}
LANGUAGE_OF = {fold(row["text"]): row["language"] for row in ROWS}


def origins(text: str) -> set[str]:
    """The samples that a comment may have been made of."""
    text = fold(text)
    return {
        core.strip()
        for language in OPENINGS
        for opening in ("", *OPENINGS[language])
        if text.startswith(fold(opening))
        for closing in ("", *CLOSINGS[language])
        if text.endswith(fold(closing))
        for core in [text[len(fold(opening)) : len(text) - len(fold(closing))]]
        if core.strip() in CATEGORY_OF
    }


def clean(**arguments: object) -> SampleDay:
    return sample_day(DAY, dirty_fraction=0, **arguments)  # type: ignore[arg-type]  # wrong arguments too are passed on


def texts(day: SampleDay) -> list[str]:
    return day.comments["text"].to_list()


@pytest.fixture(scope="module")
def month() -> list[SampleDay]:
    return [sample_day(run_date, dirty_fraction=0) for run_date in MONTH]


def test_schemas() -> None:
    """Both frames have the contract's columns and types, on an ordinary day and on an empty one."""
    for day in (sample_day(DAY), sample_day(DAY, comment_count=0)):
        assert day.comments.schema == COMMENTS.polars_schema
        assert day.labels.schema == LABELS.polars_schema


def test_same_arguments_same_day() -> None:
    """A day depends on its arguments and on nothing else."""
    first, again = sample_day(DAY), sample_day(DAY)
    assert first.comments.equals(again.comments)
    assert first.labels.equals(again.labels)
    assert not first.comments.equals(sample_day(DAY, seed=1).comments)
    assert not first.comments.equals(sample_day(DAY + timedelta(days=1)).comments)


@pytest.mark.parametrize(
    ("run_date", "timezone", "start", "hours"),
    [
        pytest.param(DAY, "Asia/Tokyo", TOKYO_START, 24, id="tokyo"),
        pytest.param(DAY, "UTC", datetime(2026, 11, 19, tzinfo=UTC), 24, id="utc"),
        pytest.param(
            date(2026, 3, 8), "America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC), 23, id="clocks-go-forward"
        ),
        pytest.param(
            date(2026, 11, 1), "America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), 25, id="clocks-go-back"
        ),
    ],
)
def test_comments_lie_within_the_local_day(run_date: date, timezone: str, start: datetime, hours: int) -> None:
    """Every clean comment is posted from local midnight on and before the next, and the whole day is used."""
    posted = sample_day(run_date, timezone=timezone, comment_count=2000, dirty_fraction=0).comments["posted_at"]
    end = start + timedelta(hours=hours)
    assert posted.is_sorted()
    assert start <= posted[0] < start + timedelta(hours=1)
    assert end - timedelta(hours=1) < posted[-1] < end


def test_clean_day_keeps_the_contract() -> None:
    """Without dirty rows there is no null but a rating's, no blank text and no id twice; ratings are 1 to 5."""
    comments = clean().comments
    assert comments.drop("rating").null_count().sum_horizontal().item() == 0
    assert comments["comment_id"].is_unique().all()
    assert all(text.strip() and len(text) < TOO_LONG_CHARS for text in comments["text"])
    assert 0 < comments["rating"].null_count() < len(comments)
    assert set(comments["rating"].drop_nulls()) == {1, 2, 3, 4, 5}


def test_every_comment_comes_from_an_evaluation_sample() -> None:
    """A comment is an evaluation sample with nothing but the pieces around it."""
    assert all(len(origins(text)) == 1 for text in texts(clean()))


def test_distinct_texts(month: list[SampleDay]) -> None:
    """A day of 320 comments has at least 230 distinct texts, and some that more than one person wrote."""
    for day in month:
        folded = Counter(map(fold, texts(day)))
        assert len(folded) >= 230
        assert len(folded) < len(day.comments)


def test_some_duplicates_differ_in_form_only(month: list[SampleDay]) -> None:
    """Some texts are equal after folding and not before."""
    assert any(len(set(texts(day))) > len(set(map(fold, texts(day)))) for day in month)


def test_mixture(month: list[SampleDay]) -> None:
    """Over a month about 6 % are violations, of every category, and the languages keep their shares."""
    kinds = [origins(text).pop() for day in month for text in texts(day)]
    categories = Counter(CATEGORY_OF[kind] for kind in kinds)
    languages = Counter(LANGUAGE_OF[kind] for kind in kinds)
    assert 0.05 <= 1 - categories["none"] / len(kinds) <= 0.075
    assert set(categories) == {*VIOLATION_SHARES, "none"}
    assert languages["ja"] / len(kinds) == pytest.approx(0.62, abs=0.02)
    assert languages["en"] / len(kinds) == pytest.approx(0.35, abs=0.02)
    assert set(languages) == set(LANGUAGE_SHARES)


def test_weekends_are_busier(month: list[SampleDay]) -> None:
    """A weekend day has about a fifth more comments than a weekday, whose mean is the count asked for."""
    weekend = [len(day.comments) for day, run_date in zip(month, MONTH, strict=True) if run_date.weekday() >= 5]
    weekdays = [len(day.comments) for day, run_date in zip(month, MONTH, strict=True) if run_date.weekday() < 5]
    assert sum(weekdays) / len(weekdays) == pytest.approx(320, rel=0.04)
    assert sum(weekend) / len(weekend) == pytest.approx(1.2 * 320, rel=0.06)
    assert len(set(weekdays)) > 10


@pytest.mark.parametrize(("fraction", "rows"), [(0, 0), (0.0001, 1), (0.05, None)])
def test_dirty_rows(fraction: float, rows: int | None) -> None:
    """Dirty rows come on top of the clean ones, at least one if any are asked for."""
    clean_count = len(clean().comments)
    expected = round(fraction * clean_count) if rows is None else rows
    assert len(sample_day(DAY, dirty_fraction=fraction).comments) - clean_count == expected


def test_every_kind_of_dirt() -> None:
    """With enough dirty rows each kind is there: null, blank, too long, another day, no id, an id twice."""
    comments = sample_day(DAY, dirty_fraction=0.1).comments
    text, posted = pl.col("text"), pl.col("posted_at")
    assert comments["text"].null_count() > 0
    assert not comments.filter(text.str.strip_chars().str.len_chars() == 0).is_empty()
    assert not comments.filter(text.str.len_chars() > 10_000).is_empty()
    assert not comments.filter((posted < TOKYO_START) | (posted >= TOKYO_END)).is_empty()
    assert not comments.filter(pl.col("comment_id") == "").is_empty()
    twice = comments.filter(pl.col("comment_id").is_duplicated() & (pl.col("comment_id") != ""))
    assert not twice.is_empty()


def test_labels_tell_the_truth() -> None:
    """A label says what the comment's sample says; exactly one label has no comment."""
    day = clean()
    joined = day.labels.join(day.comments, on="comment_id", how="left", validate="m:1")
    assert joined["text"].null_count() == 1
    for row in joined.drop_nulls("text").iter_rows(named=True):
        assert row["category"] == CATEGORY_OF[origins(row["text"]).pop()]
        assert row["violation"] is (row["category"] != "none")


def test_labels_of_a_dirty_day() -> None:
    """Dirty rows are not labelled: but for the deleted comment, people label what the site shows."""
    day = sample_day(DAY, dirty_fraction=0.1)
    shown = set(clean().comments["comment_id"])
    assert len(set(day.labels["comment_id"]) - shown) == 1


def test_label_sample() -> None:
    """The sample records its stratum and chance, the other sources neither; a rater labels a comment once."""
    labels = clean().labels
    sample = labels.filter(source="sample")
    assert 90 <= len(sample) <= 180
    assert set(sample.select("stratum", "inclusion_probability").iter_rows()) == set(INCLUSION.items())
    others = labels.filter(pl.col("source") != "sample")
    assert others["stratum"].null_count() == others["inclusion_probability"].null_count() == len(others)
    counts = Counter(others["source"])
    assert counts["planted"] == 5
    assert counts["overturn"] in (1, 2)
    assert labels.select(LABELS.key).is_unique().all()
    assert set(labels["labeler"]) == {"rater-1", "rater-2", "rater-3"}


def test_sample_weights_estimate_the_prevalence(month: list[SampleDay]) -> None:
    """Weighted by the inverse of its chance, the sample gives a month's share of violations without bias."""
    sample = pl.concat(day.labels for day in month).filter(source="sample")
    pairs = list(sample.select("violation", "inclusion_probability").iter_rows())
    estimate = sum(1 / chance for violation, chance in pairs if violation) / sum(1 / chance for _, chance in pairs)
    kinds = [CATEGORY_OF[origins(text).pop()] for day in month for text in texts(day)]
    assert estimate == pytest.approx(1 - kinds.count("none") / len(kinds), abs=0.01)


def test_labels_come_after_the_day() -> None:
    """People label from six hours after the local day's end on."""
    labeled = clean().labels["labeled_at"]
    assert labeled.is_between(TOKYO_END + timedelta(hours=6), TOKYO_END + timedelta(hours=8)).all()


def test_spam_wave() -> None:
    """A spam wave fills its share of the day with spam."""
    kinds = [CATEGORY_OF[origins(text).pop()] for text in texts(clean(wave=Wave(spam_fraction=0.3)))]
    assert kinds.count("spam") / len(kinds) == pytest.approx(0.3, abs=0.07)


@pytest.mark.parametrize(("language", "fraction"), [("en", 0.9), ("zh", 0.5)])
def test_language_wave(language: str, fraction: float) -> None:
    """A language wave shifts at least its share of the day to that language."""
    day = clean(comment_count=2000, wave=Wave(language=language, language_fraction=fraction))
    kinds = [LANGUAGE_OF[origins(text).pop()] for text in texts(day)]
    assert kinds.count(language) / len(kinds) >= fraction - 0.06


@pytest.mark.parametrize(
    "arguments",
    [
        {"spam_fraction": 1.5},
        {"language_fraction": 0.5},
        {"language": "fr", "language_fraction": 0.5},
        {"language": "en", "language_fraction": -1},
    ],
)
def test_impossible_waves(arguments: dict[str, object]) -> None:
    """A wave that could not be drawn is refused."""
    with pytest.raises(ValueError, match=r"between 0 and 1|needs a language|no language"):
        Wave(**arguments)  # type: ignore[arg-type]  # a table of wrong arguments


def test_large_days() -> None:
    """More comments than there are samples repeat texts, never ids."""
    comments = clean(comment_count=5000).comments
    assert comments["comment_id"].is_unique().all()
    assert comments["text"].n_unique() > 2000

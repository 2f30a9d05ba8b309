"""Sample days: a night's comments and the labels that people gave them, drawn from the evaluation samples.

The stand-in model is trained on other samples, so what it gets wrong here it gets wrong honestly. Clean nights are
one stationary process: weekday effects, mild noise, the same mixture every week. A ``Wave`` disturbs it on purpose.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from math import exp
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from data_contracts.tables.comments import COMMENTS
from data_contracts.tables.labels import LABELS

EVALUATION_SAMPLES = Path(__file__).parent / "samples" / "evaluation.jsonl"
TOO_LONG_CHARS = 10_001

WEEKEND_FACTOR = 1.2
VOLUME_NOISE = 0.04  # standard deviation of the logarithm of a night's count
DUPLICATE_SHARE = 0.04
NULL_RATING_SHARE = 0.15
VIOLATION_SHARE, MONDAY_VIOLATION_SHARE = 0.06, 0.066
LANGUAGE_SHARES = {"ja": 0.62, "en": 0.35, "es": 0.01, "zh": 0.01, "ko": 0.01}
MONDAY_LANGUAGE_SHARES = {"ja": 0.64, "en": 0.33, "es": 0.01, "zh": 0.01, "ko": 0.01}
VIOLATION_SHARES = {
    "spam": 0.3, "harassment": 0.2, "fraud": 0.12, "sexual": 0.1, "privacy": 0.08, "illegal": 0.08, "hate": 0.06,
    "violence": 0.06,
}  # fmt: skip
# Shopping is an evening's pastime: weights of the day's 24 equal parts.
HOUR_WEIGHTS = (5, 3, 2, 1, 1, 2, 4, 6, 7, 7, 7, 8, 10, 8, 7, 7, 8, 9, 10, 12, 14, 15, 13, 9)
# One to five stars.
CLEAN_RATINGS, VIOLATION_RATINGS = (12, 8, 14, 26, 40), (45, 15, 8, 7, 25)
# Most violations fall into the suspicious stratum and few clean comments do, as a good guess would have it.
SUSPICIOUS, ORDINARY = "suspicious", "ordinary"
SUSPICIOUS_SHARE = {True: 0.9, False: 0.06}  # of violations, of clean comments
INCLUSION = {SUSPICIOUS: 0.9, ORDINARY: 0.35}
PLANTED_COUNT, PLANTED_VIOLATIONS = 5, 2
RATERS = ("rater-1", "rater-2", "rater-3")
LABEL_DELAY = timedelta(hours=6)

# What people add to any comment; none changes what the comment is.
OPENINGS = {
    "ja": ("注文した者です。", "こんにちは。", "初めて書きます。", "購入から一週間です。", "先月買いました。",
        "はじめまして。", "追記です。", "家族の代わりに書いています。", "スマホから失礼します。",
        "今回で二度目です。", "昨日の続きです。", "長年の利用者です。", "一言だけ。"),
    "en": ("Second order for me. ", "Hi. ", "Update: ", "First time writing here. ", "Bought in spring. ",
        "Hello all. ", "Long-time customer. ", "Writing from my phone. ", "A week later: ", "Quick note. ",
        "My two cents: ", "About my last order. ", "Well. "),
    "es": ("Hola. ", "Segunda opinión. ", "Compra de mayo. "),
    "zh": ("大家好。", "第二次写评论。", "上个月买的。"),
    "ko": ("안녕하세요. ", "두 번째 후기입니다. ", "지난달에 샀어요. "),
}  # fmt: skip
CLOSINGS = {
    "ja": ("以上です。", "ご参考まで。", "よろしくお願いします。", "長文失礼しました。", "とりあえずここまで。",
        "また書きます。", "スマホからの投稿でした。", "七月の注文分です。", "乱文お許しください。", "購入者より。",
        "誤字があったらすみません。", "では。"),
    "en": (" That's all.", " Thanks for reading.", " Cheers.", " Just so you know.", " More later.",
        " Order from July.", " Sorry for the typos.", " Regards.", " Posted from the train.", " End of story.",
        " Bye for now.", " Just my opinion."),
    "es": (" Saludos.", " Eso es todo.", " Gracias por leer."),
    "zh": ("就这些。", "谢谢阅读。", "仅供参考。"),
    "ko": (" 이상입니다.", " 읽어 주셔서 감사합니다.", " 참고하세요."),
}  # fmt: skip


@dataclass(frozen=True)
class Wave:
    """A scripted disturbance of a day; shares are of its comments before duplicates.

    Attributes:
        spam_fraction: how many comments are spam, on top of the usual mixture.
        language: the language that the others shift to, one that the samples have.
        language_fraction: how many of the others are written in it; needs ``language``.
    """

    spam_fraction: float = 0
    language: str | None = None
    language_fraction: float = 0

    def __post_init__(self) -> None:
        """Refuse what could not be drawn."""
        if not (0 <= self.spam_fraction <= 1 and 0 <= self.language_fraction <= 1):
            raise ValueError("a wave's fractions lie between 0 and 1")
        if self.language is None and self.language_fraction:
            raise ValueError("language_fraction needs a language")
        if self.language is not None and self.language not in LANGUAGE_SHARES:
            raise ValueError(f"the samples have no language {self.language!r}, only {', '.join(LANGUAGE_SHARES)}")


class SampleDay(NamedTuple):
    """One day: ``comments`` and ``labels`` as the contract's tables hold them, in order of posting."""

    comments: pl.DataFrame
    labels: pl.DataFrame


# comment_id, labeler, violation, category, labeled_at, source, stratum, inclusion_probability
LabelRow = tuple[str, str, bool, str, datetime, str, str | None, float | None]


class Sample(NamedTuple):
    """A labelled text of the samples."""

    text: str
    language: str
    category: str


class Comment(NamedTuple):
    """A row of the comments, with the truth about it."""

    comment_id: str | None
    posted_at: datetime
    product_id: str
    user_id: str
    text: str | None
    rating: int | None
    category: str


def sample_day(
    run_date: date,
    *,
    timezone: str = "Asia/Tokyo",
    comment_count: int = 320,
    dirty_fraction: float = 0.01,
    seed: int = 2026,
    wave: Wave | None = None,
) -> SampleDay:
    """A day's comments and labels, the same for the same arguments.

    Args:
        timezone: whose midnight begins and ends the day.
        comment_count: the mean of an ordinary weekday; dirty rows come on top.
        dirty_fraction: rows that break the contract, per clean row; at least one if above 0.
        wave: what is different about this day.
    """
    rng = random.Random(f"{seed} {run_date}")
    zone = ZoneInfo(timezone)
    start, end = (
        datetime.combine(day, time(), zone).astimezone(UTC) for day in (run_date, run_date + timedelta(days=1))
    )
    factor = WEEKEND_FACTOR if run_date.weekday() >= 5 else 1.0
    count = round(comment_count * factor * exp(rng.gauss(0, VOLUME_NOISE)))
    duplicate_count = round(count * DUPLICATE_SHARE)
    drawn = _draw_samples(rng, count - duplicate_count, is_monday=run_date.weekday() == 0, wave=wave or Wave())
    drawn += [_copied(rng, rng.choice(drawn)) for _ in range(duplicate_count)] if drawn else []
    rng.shuffle(drawn)
    clean = [
        _posted(rng, f"c{run_date:%Y%m%d}-{number:06d}", at, sample)
        for number, (at, sample) in enumerate(zip(_moments(rng, start, end, len(drawn)), drawn, strict=True), start=1)
    ]
    dirty = _dirty_rows(rng, clean, dirty_fraction, start, end)
    rows = sorted(clean + dirty, key=lambda row: row.posted_at)
    return SampleDay(
        pl.DataFrame([row[:-1] for row in rows], schema=COMMENTS.polars_schema, orient="row"),
        pl.DataFrame(_label_rows(rng, clean, run_date, end), schema=LABELS.polars_schema, orient="row"),
    )


@cache
def _evaluation_texts() -> dict[tuple[str, str], tuple[str, ...]]:
    """The evaluation samples' texts by language and category."""
    texts: dict[tuple[str, str], tuple[str, ...]] = {}
    for line in EVALUATION_SAMPLES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        key = (row["language"], row["category"])
        texts[key] = (*texts.get(key, ()), row["text"])
    return texts


def _draw_samples(rng: random.Random, count: int, *, is_monday: bool, wave: Wave) -> list[Sample]:
    """Texts by the day's mixture, each with natural variation and, while any are left, none twice."""
    languages = MONDAY_LANGUAGE_SHARES if is_monday else LANGUAGE_SHARES
    violation_share = MONDAY_VIOLATION_SHARE if is_monday else VIOLATION_SHARE
    texts = _evaluation_texts()
    decks: dict[tuple[str, str], list[str]] = {}
    seen: set[str] = set()
    samples = []
    for _ in range(count):
        if rng.random() < wave.spam_fraction:
            category = "spam"
        else:
            category = _pick(rng, VIOLATION_SHARES) if rng.random() < violation_share else "none"
        language = _pick(rng, languages)
        if wave.language and rng.random() < wave.language_fraction:
            language = wave.language
        if (language, category) not in texts:
            language = "ja"  # violations come in Japanese and English only
        deck = decks.setdefault((language, category), [])
        if not deck:  # every text once before any comes again
            deck.extend(rng.sample(texts[language, category], k=len(texts[language, category])))
        text = _varied(rng, deck.pop(), language, seen)
        seen.add(text)
        samples.append(Sample(text, language, category))
    return samples


def _pick(rng: random.Random, shares: dict[str, float]) -> str:
    return rng.choices(list(shares), weights=list(shares.values()))[0]


def _varied(rng: random.Random, text: str, language: str, seen: set[str]) -> str:
    """The text with an opening, a closing, both or neither; after a few tries a repetition is let through."""
    for _ in range(10):
        opening = rng.choice(OPENINGS[language]) if rng.random() < 0.35 else ""
        closing = rng.choice(CLOSINGS[language]) if rng.random() < 0.35 else ""
        varied = f"{opening}{text}{closing}"
        if varied not in seen:
            break
    return varied


def _copied(rng: random.Random, sample: Sample) -> Sample:
    """The same text from someone else: to the letter, in full-width letters, or spaced otherwise."""
    match rng.randrange(4):
        case 0:
            text = "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in sample.text)
        case 1:
            text = f"\u3000{sample.text.replace(' ', '  ')}\n"
        case _:
            text = sample.text
    return sample._replace(text=text)


def _moments(rng: random.Random, start: datetime, end: datetime, count: int) -> list[datetime]:
    """Moments of posting within [start, end), in order; a part of the day is an hour unless the clocks change."""
    part = (end - start) / len(HOUR_WEIGHTS)
    hours = rng.choices(range(len(HOUR_WEIGHTS)), weights=HOUR_WEIGHTS, k=count)
    last = end - timedelta(microseconds=1)
    return sorted(min(start + part * (hour + rng.random()), last) for hour in hours)


def _posted(rng: random.Random, comment_id: str, at: datetime, sample: Sample) -> Comment:
    weights = CLEAN_RATINGS if sample.category == "none" else VIOLATION_RATINGS
    rating = None if rng.random() < NULL_RATING_SHARE else rng.choices((1, 2, 3, 4, 5), weights=weights)[0]
    product = min(int(rng.paretovariate(0.9)), 40)  # few products get most of the comments
    user_id = f"u{rng.randrange(16**8):08x}"
    return Comment(comment_id, at, f"p-{product:03d}", user_id, sample.text, rating, sample.category)


def _dirty_rows(
    rng: random.Random, clean: list[Comment], fraction: float, start: datetime, end: datetime
) -> list[Comment]:
    """Rows that break the contract, each made from a clean one and in one way only."""
    if fraction <= 0 or not clean:
        return []
    ways = rng.sample(("null", "blank", "long", "outside", "id", "duplicate"), k=6)
    rows = []
    for number in range(max(1, round(fraction * len(clean)))):
        row = rng.choice(clean)
        fresh = row._replace(comment_id=f"{row.comment_id}x{number}")
        match ways[number % len(ways)]:
            case "null":
                rows.append(fresh._replace(text=None))
            case "blank":
                rows.append(fresh._replace(text=rng.choice(("", "   ", "\u3000\n"))))
            case "long":
                text = row.text or ""
                rows.append(fresh._replace(text=(text * (TOO_LONG_CHARS // len(text) + 1))[:TOO_LONG_CHARS]))
            case "outside":
                # The day's end is the next day's first moment.
                rows.append(fresh._replace(posted_at=rng.choice((end, start - timedelta(hours=rng.random() * 3)))))
            case "id":
                rows.append(fresh._replace(comment_id=""))
            case _:
                # Sent again, and later if the day allows: the earlier row is the one that stays.
                later = min(row.posted_at + timedelta(minutes=1), end - timedelta(microseconds=1))
                rows.append(row._replace(posted_at=later))
    return rows


def _label_rows(rng: random.Random, clean: Iterable[Comment], run_date: date, end: datetime) -> list[LabelRow]:
    """Labels that tell the truth: a stratified sample, a few planted and overturned, one without its comment."""

    def label(comment_id: str, category: str, source: str, stratum: str | None = None) -> LabelRow:
        at = end + LABEL_DELAY + timedelta(seconds=rng.randrange(5400))
        chance = INCLUSION[stratum] if stratum else None
        # The sample has raters of its own, so that no rater labels a comment twice.
        labeler = rng.choice(RATERS[:2]) if stratum else RATERS[2]
        return (comment_id, labeler, category != "none", category, at, source, stratum, chance)

    rows = []
    violations: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for comment in clean:
        comment_id, category = comment.comment_id or "", comment.category
        (others if category == "none" else violations).append((comment_id, category))
        is_suspicious = rng.random() < SUSPICIOUS_SHARE[category != "none"]
        stratum = SUSPICIOUS if is_suspicious else ORDINARY
        if rng.random() < INCLUSION[stratum]:
            rows.append(label(comment_id, category, "sample", stratum))
    rng.shuffle(violations)
    rng.shuffle(others)
    planted = violations[:PLANTED_VIOLATIONS] + others
    sources = ["planted"] * PLANTED_COUNT + ["overturn"] * rng.choice((1, 2))
    rows += [
        label(comment_id, category, source) for (comment_id, category), source in zip(planted, sources, strict=False)
    ]
    # A comment that its author has deleted since.
    rows.append(label(f"c{run_date:%Y%m%d}-deleted", "none", "sample", ORDINARY))
    return rows

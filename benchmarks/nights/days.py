"""A day of so many comments, in Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import polars as pl

RUN_DATE = date(2026, 11, 19)
Kind = Literal["plain", "repeated", "long"]
KINDS: tuple[Kind, ...] = ("plain", "repeated", "long")
_ROWS_A_FILE = 250_000
_JAPANESE = (
    "とても良い商品でした。",
    "配送が遅いです。",
    "箱が破れていた！",
    "また買います",
    "思ったより小さい、",
    "店員の対応が最悪",
    "値段の割に",
    "すぐに壊れました。",
    "色がきれいで満足しています。",
    "プレゼントに喜ばれました。",
)
_ENGLISH = (
    "great value",
    "arrived broken",
    "the seller never answered my mail",
    "would buy again",
    "smaller than I thought,",
    "the colour faded",
    "after two washes.",
    "cheap & cheerful",
    "do not buy <this>",
)


def text(number: int, kind: Kind) -> str:
    """The text of a comment: two thirds are Japanese, one in ten repeats another, some have digits or signs."""
    if kind == "repeated" and number % 2:
        return "送料が高いです。"
    words = _ENGLISH if number % 3 == 0 else _JAPANESE
    joint = " " if number % 3 == 0 else ""
    said = joint.join(words[(number * step + number // 7) % len(words)] for step in range(3, 9 + number % 6))
    if kind == "long":
        return (said * (10_000 // len(said)))[:9_990] + str(number)
    return f"{said} {number if number % 10 else number // 100}"


def write_day(folder: Path, rows: int, kind: Kind = "plain", day: date = RUN_DATE) -> Iterator[Path]:
    """Write the day's files, and give each as it is finished."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, rows, _ROWS_A_FILE):
        numbers = range(first, min(first + _ROWS_A_FILE, rows))
        path = folder / f"part-{first:09d}.parquet"
        pl.DataFrame(
            {
                "comment_id": [f"c-{number:010d}" for number in numbers],
                "posted_at": [start + timedelta(microseconds=n * 86_400_000_000 // rows) for n in numbers],
                "product_id": [f"p{number % 5000:04d}" for number in numbers],
                "user_id": [f"u{number % 100_000:05d}" for number in numbers],
                "text": [text(number, kind) for number in numbers],
                "rating": [number % 5 + 1 for number in numbers],
            },
            schema_overrides={"posted_at": pl.Datetime("us", "UTC")},
        ).write_parquet(path, row_group_size=100_000)
        yield path

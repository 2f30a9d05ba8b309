"""Comments whose right verdict stands in their text, see `answers.truth`."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from data_contracts.tables.comments import COMMENTS


def draw_comments(draw: random.Random, run_date: date, first: int, count: int) -> pl.DataFrame:
    """So many comments with numbers from `first` on; a few repeat a text, and in a longer day a few are dirty."""
    start = datetime(run_date.year, run_date.month, run_date.day, tzinfo=UTC)
    rows: list[dict[str, Any]] = []
    for number in range(first, first + count):
        text = f"届いた商品 No.{number}. It came in a box of its own, {run_date}."
        if rows and draw.random() < 0.1:
            text = draw.choice(rows)["text"]
        rows.append(
            {
                "comment_id": f"c{number:05d}",
                "posted_at": start + timedelta(seconds=draw.randrange(14 * 3600)),
                "product_id": f"p{number % 7}",
                "user_id": f"u{number % 11}",
                "text": text,
                "rating": number % 5 + 1,
            }
        )
    if count >= 20:
        rows.append({**rows[0], "comment_id": f"x{first:05d}", "text": None})
        rows.append({**rows[1], "comment_id": ""})
        rows.append({**rows[2], "posted_at": rows[2]["posted_at"] + timedelta(minutes=1)})
    return pl.DataFrame(rows, schema=COMMENTS.polars_schema)

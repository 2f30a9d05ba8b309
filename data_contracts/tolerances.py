"""How far an ingested day may stray before Great Expectations says so, or stops the night."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]


class Tolerances(BaseModel):
    """How far an ingested day may stray from what is expected; every number says why it is what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_row_count_ratio: Fraction = Field(
        default=0.1, description="No weekday or holiday leaves a tenth of the usual rows: the export stopped half way."
    )
    max_null_text_share: Fraction = Field(
        default=0.05,
        description="So many rows without a text are a fault upstream, whatever the row breaker lets through.",
    )
    min_id_unique_share: Fraction = Field(
        default=0.95, description="A retry repeats a few rows; more is a day that was written twice."
    )
    max_fault_share: Fraction = Field(
        default=0.01,
        description="Clocks, old apps and retries always break a few rows; more of one kind has one cause.",
    )
    few_rows: int = Field(
        default=5,
        ge=0,
        description="Faulty rows that any day may have: of a small day they are a large share and say nothing.",
    )
    min_rows: int = Field(
        default=100, ge=1, description="Rows from which on a mean, a median or a change is more than chance."
    )
    min_recent_days: int = Field(default=7, ge=1, description="A comparison needs a whole week of published days.")
    max_row_count_factor: float = Field(
        default=2.0, gt=1, description="Weekends and sales move a day's volume by less than this factor, up or down."
    )
    max_text_length_factor: float = Field(
        default=2.0, gt=1, description="People do not write twice as much, or half as much, from one day to the next."
    )
    max_language_change: Fraction = Field(
        default=0.2,
        description="A fifth of the comments changing its language overnight is a campaign or a routing fault.",
    )
    max_mean_chars: float = Field(default=1_000, gt=0, description="Every character is paid for; longer is no comment.")
    min_median_chars: float = Field(default=5, ge=0, description="Shorter texts are titles or a column that was cut.")
    min_p99_chars: float = Field(
        default=30, ge=0, description="Some people always write more; where nobody does, the export cuts texts."
    )
    lowest_rating: int = Field(default=1, description="The fewest stars that the site lets people give.")
    highest_rating: int = Field(default=5, description="The most stars that the site lets people give.")
    max_rating_mean_margin: float = Field(
        default=0.1, ge=0, description="A mean this close to an end of the scale is a default value, not opinions."
    )
    max_null_rating_share: Fraction = Field(
        default=0.95, description="Hardly any rating at all: the column was lost upstream."
    )
    max_silent_h: float = Field(
        default=6.0, gt=0, description="Evenings are busy; a day without its last hours was exported before it ended."
    )

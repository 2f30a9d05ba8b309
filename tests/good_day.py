"""A day on which every expectation holds."""

from __future__ import annotations

from data_contracts.expectations import profile_checks, row_checks
from data_contracts.tolerances import Tolerances

LIMITS = Tolerances()
ROWS = 300
ROW_CHECKS = {check.name: check for check in row_checks(LIMITS, ROWS)}


PROFILE_CHECKS = {check.name: check for check in profile_checks(LIMITS, 10_000, 10_000)}


GOOD_DAY: dict[str, float] = {
    "row_count": 10_000.0,
    "id_count": 10_000.0,
    "null_text_share": 0.05,
    "blank_text_share": 0.01,
    "id_unique_share": 0.95,
    "language_ja_share": 0.6,
    "language_en_share": 0.3,
    "language_other_share": 0.1,
    "char_count_mean": 1000.0,
    "char_count_p50": 5.0,
    "char_count_p99": 30.0,
    "rating_mean": 4.9,
    "rating_null_share": 0.95,
    "freshness_h": 6.0,
    "recent_day_count": 28.0,
    "row_count_ratio": 0.5,
    "text_length_ratio": 2.0,
    "language_ja_change": -0.2,
    "language_en_change": 0.2,
    "language_other_change": 0.0,
}

"""What a person must look at: every comment that was published without a verdict."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.tables.review import REVIEW, ReviewReason
from data_contracts.tables.verdicts import Status
from tasks.verdicts.review_list import review_list
from tests import factories


@pytest.mark.parametrize(
    ("status", "attempt", "reason"),
    [
        pytest.param("judged", 1, None, id="judged"),
        pytest.param("refused", 1, "model_refused", id="refused"),
        pytest.param("malformed", 2, "answer_unreadable", id="malformed"),
        pytest.param("error", 2, "bedrock_error", id="error"),
        pytest.param("missing", 2, "no_answer", id="lost"),
        pytest.param("missing", 0, "never_asked", id="never-asked"),
    ],
)
def test_each_status_has_its_reason(status: str, attempt: int, reason: str | None) -> None:
    """A judged comment is not listed; any other is, with the reason why a person must look."""
    found = review_list(factories.verdicts({"status": status, "attempt": attempt}).lazy()).collect()
    assert found["reason"].to_list() == ([reason] if reason else [])
    assert reason is None or ReviewReason(reason)
    assert Status(status)


def test_a_row_says_whose_it_is_and_holds_no_text() -> None:
    """Duplicates of a refused comment are listed like it, in the order of the verdicts, in the contract's schema."""
    refused = {"status": "refused", "status_detail": "stop_reason refusal", "violation": None}
    verdicts = factories.verdicts({}, refused, refused | {"decided_by": "duplicate"})
    found = review_list(verdicts.lazy()).collect()
    assert found.schema == REVIEW.polars_schema
    assert_frame_equal(
        found.select("comment_id", "decided_by", "status_detail"),
        pl.DataFrame(
            {
                "comment_id": ["c2", "c3"],
                "decided_by": ["model", "duplicate"],
                "status_detail": ["stop_reason refusal"] * 2,
            }
        ),
    )
    assert not {"text", "explanation"} & set(REVIEW.names)


def test_a_night_without_failures_has_an_empty_list() -> None:
    """No rows, but the table with its columns: somebody looked."""
    assert_frame_equal(review_list(factories.verdicts({}).lazy()).collect(), REVIEW.empty())

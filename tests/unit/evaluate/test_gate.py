"""What speaks against a promotion, one reason at a time."""

from __future__ import annotations

from typing import Any

import pytest

from data_contracts.documents.evaluation.comparison import ComparisonOutcome, PairedTest
from tasks.evaluate.promotion.gate import Terms, judge_comparison
from tests.comparisons import comparison, golden, side

TERMS = Terms(
    prompt="comment_review",
    present={"comment_review/v1": "a" * 64, "comment_review/v2": "b" * 64, "other/v1": "d" * 64},
    frozen={"comment_review/v1": "a" * 64, "comment_review/v2": "b" * 64, "other/v1": "d" * 64},
    serving=None,
    has_golden=True,
    max_cost_ratio=None,
)


def lost(p_adjusted: float) -> tuple[PairedTest, ...]:
    return (PairedTest(part="category=hate", n=30, gained=1, lost=12, p_value=0.003, p_adjusted=p_adjusted),)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({}, None, id="better"),
        pytest.param({"outcome": ComparisonOutcome.NOT_WORSE}, None, id="not worse"),
        pytest.param({"outcome": ComparisonOutcome.WORSE}, "the outcome is worse", id="worse"),
        pytest.param(
            {"outcome": ComparisonOutcome.CANNOT_TELL, "needs_labels": 1200},
            "the outcome is cannot_tell: about 1,200 labels more would tell",
            id="nobody can tell",
        ),
        pytest.param({"tests": lost(0.049)}, "loses significantly in category hate", id="a category is lost"),
        pytest.param({"tests": lost(0.051)}, None, id="a category may be lost by chance"),
        pytest.param({"challenger": side("v2", malformed=1)}, None, id="malformed up by .1 points"),
        pytest.param({"challenger": side("v2", malformed=2)}, "malformed answers go up by", id="malformed up"),
        pytest.param({"challenger": side("v2", refused=3)}, "refused answers go up by 0.3 points", id="refused up"),
        pytest.param({"champion": side("v1", refused=9), "challenger": side("v2", refused=9)}, None, id="equal"),
        pytest.param({"golden": golden(newly_fooled=("injection-03",))}, "succeed: injection-03", id="a new attack"),
        pytest.param(
            {"golden": golden(challenger_right=138, gained=1, lost=13, p_value=0.002)},
            "golden accuracy is significantly lower: right about 138 of 160 instead of 150",
            id="golden lower",
        ),
        pytest.param({"golden": golden(gained=13, lost=1, p_value=0.002)}, None, id="golden higher"),
        pytest.param({"golden": golden(gained=1, lost=4, p_value=0.375)}, None, id="golden lower by chance"),
        pytest.param({"golden": None}, "the golden pack was not asked of both: python -m flows", id="golden unasked"),
    ],
)
def test_reasons(change: dict[str, Any], reason: str | None) -> None:
    """Each condition of the gate holds by itself, at its limit."""
    found = judge_comparison(comparison(**change), TERMS)
    assert not found.bars
    assert len(found.reasons) == (reason is not None)
    assert reason is None or reason in found.reasons[0]


@pytest.mark.parametrize(
    ("terms", "change", "bar"),
    [
        pytest.param({"present": {"comment_review/v1": "a" * 64}}, {}, "no prompt comment_review/v2", id="not there"),
        pytest.param({"frozen": {"comment_review/v1": "a" * 64}}, {}, "v2 is not frozen", id="free"),
        pytest.param({"frozen": dict(TERMS.frozen) | {"comment_review/v2": "c" * 64}}, {}, "not what was", id="edited"),
        pytest.param({}, {"challenger": side("v2", prompt_sha256="c" * 64)}, "with another text", id="compared before"),
        pytest.param(
            {},
            {"challenger": side("v2", candidate="prompt=other/v1,model=m,policy=plain", prompt_sha256="d" * 64)},
            "MODERATION_PROMPT is comment_review",
            id="of another name",
        ),
    ],
)
def test_bars(terms: dict[str, Any], change: dict[str, Any], bar: str) -> None:
    """What would stop nights, or was not what was compared, is no matter of a reason."""
    found = judge_comparison(comparison(**change), TERMS._replace(**terms))
    assert len(found.bars) == 1
    assert bar in found.bars[0]


@pytest.mark.parametrize(
    ("terms", "change", "reason"),
    [
        pytest.param({"serving": side("v1").candidate}, {}, None, id="the champion"),
        pytest.param({"serving": side("v3").candidate}, {}, "the champion on record is", id="not the champion"),
        pytest.param({"has_golden": False}, {"golden": None}, None, id="no pack"),
        pytest.param({"max_cost_ratio": 2.0}, {"challenger": side("v2", cost_per_1000_usd=2.0)}, None, id="at limit"),
        pytest.param(
            {"max_cost_ratio": 2.0}, {"challenger": side("v2", cost_per_1000_usd=2.1)}, "$2.1000 instead", id="too dear"
        ),
        pytest.param(
            {"max_cost_ratio": 2.0},
            {"challenger": side("v2", cost_per_1000_usd=None)},
            "is not known",
            id="cost unknown",
        ),
    ],
)
def test_what_the_deployment_adds(terms: dict[str, Any], change: dict[str, Any], reason: str | None) -> None:
    """The champion on record, the golden pack and a limit of costs count where there are some."""
    found = judge_comparison(comparison(**change), TERMS._replace(**terms))
    assert len(found.reasons) == (reason is not None)
    assert reason is None or reason in found.reasons[0]

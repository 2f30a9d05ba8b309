"""What each metric is to the monitor: how it is compared, which way is worse, and what an alert calls it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tasks.base.ports import Severity
from tasks.base.settings import Thresholds


class Scale(StrEnum):
    """On which scale nights are compared."""

    #: 2 asin sqrt(p), where the sampling variance of a share is 1 / n whatever the share is
    SHARE = "share"
    #: the value is a mean of logarithms already
    LOG_MEAN = "log_mean"
    #: the logarithm of a total, or of a total per item
    TOTAL = "total"


class Worse(StrEnum):
    """In which direction a change is bad news."""

    HIGHER = "higher"
    LOWER = "lower"
    EITHER = "either"


class Group(StrEnum):
    """Where an operator looks first."""

    QUALITY = "quality"
    OUTPUTS = "outputs"
    INPUTS = "inputs"
    PIPELINE = "pipeline"


class Change(StrEnum):
    """Which threshold says what change is too small to matter."""

    SHARE = "share"
    RATE = "rate"
    RELATIVE = "relative"


@dataclass(frozen=True)
class Rule:
    """How one metric is judged.

    Attributes:
        words: what an alert calls it.
        group: under which heading an alert puts it.
        scale: on which scale nights are compared.
        worse: which direction can degrade a night.
        change: which threshold says that a change is too small to matter.
        is_mix: its slices are shares of one whole, so a slice that a night does not list had no notable share.
        is_per_item: a total that is compared per item, so that a busy night is not a dear one.
    """

    words: str
    group: Group
    scale: Scale = Scale.SHARE
    worse: Worse = Worse.EITHER
    change: Change = Change.RATE
    is_mix: bool = False
    is_per_item: bool = False

    def smallest_change(self, thresholds: Thresholds, baseline: float) -> float:
        """The smallest |value - baseline| that anybody would act on, in units of the value."""
        if self.change is Change.SHARE:
            return thresholds.min_share_change
        if self.change is Change.RATE:
            return thresholds.min_rate_change
        return thresholds.min_relative_change * (1.0 if self.scale is Scale.LOG_MEAN else baseline)


_Q, _O, _I, _P = Group.QUALITY, Group.OUTPUTS, Group.INPUTS, Group.PIPELINE
_HIGHER, _LOWER = Worse.HIGHER, Worse.LOWER
_MEAN, _TOTAL, _RELATIVE = Scale.LOG_MEAN, Scale.TOTAL, Change.RELATIVE

RULES = {
    "volume": Rule("comments received", _I, _TOTAL, change=_RELATIVE),
    "text_length_log": Rule("mean log length of a comment", _I, _MEAN, change=_RELATIVE),
    "language_share": Rule("share of comments by language", _I, change=Change.SHARE, is_mix=True),
    "product_share": Rule("share of comments by product", _I, change=Change.SHARE, is_mix=True),
    "duplicate_rate": Rule("comments that repeat another", _I),
    "oov_rate": Rule("words never seen before", _I, worse=_HIGHER),
    "violation_rate": Rule("comments judged violations", _O),
    "violation_category_share": Rule("share of violations by category", _O, change=Change.SHARE, is_mix=True),
    "input_tokens_log": Rule("mean log input tokens", _O, _MEAN, change=_RELATIVE),
    "output_tokens_log": Rule("mean log output tokens", _O, _MEAN, change=_RELATIVE),
    "rejected_rate": Rule("rows that broke the contract", _P, worse=_HIGHER),
    "malformed_rate": Rule("answers that break the contract", _P, worse=_HIGHER),
    "refused_rate": Rule("comments the model refused to judge", _P, worse=_HIGHER),
    "error_rate": Rule("records that Bedrock failed", _P, worse=_HIGHER),
    "missing_rate": Rule("records without an answer", _P, worse=_HIGHER),
    "cost_usd": Rule("dollars paid", _P, _TOTAL, _HIGHER, _RELATIVE, is_per_item=True),
    "golden_flip_rate": Rule("golden comments judged anew", _Q, worse=_HIGHER),
    "label_error_rate": Rule("labels that cannot be used", _Q, worse=_HIGHER),
    "accuracy": Rule("verdicts that agree with the labels", _Q, worse=_LOWER, change=Change.SHARE),
    "precision": Rule("flagged comments that labelers flagged too", _Q, worse=_LOWER, change=Change.SHARE),
    "recall": Rule("labelled violations that were flagged", _Q, worse=_LOWER, change=Change.SHARE),
    "f1": Rule("F1 of the flags", _Q, worse=_LOWER, change=Change.SHARE),
    "prevalence": Rule("comments that labelers call violations", _Q, change=Change.SHARE),
}

#: Together they are the answers that failed, and `Thresholds.max_failed_fraction` limits their sum.
FAILURES = ("malformed_rate", "refused_rate", "error_rate", "missing_rate")

_SEVERITIES = {
    Group.QUALITY: Severity.PAGE,
    Group.OUTPUTS: Severity.TICKET,
    Group.INPUTS: Severity.REPORT,
    Group.PIPELINE: Severity.PAGE,
}
#: Nobody gets up for these.
_TICKETS = frozenset({"cost_usd", "label_error_rate"})


def severity_of(metric: str, effect: float | None) -> Severity:
    """How urgent it is that this metric is degraded.

    What came in may change without harm; but fewer comments than expected may be an export that broke off, and then
    some have no verdict.
    """
    if metric == "volume" and (effect or 0.0) < 0:
        return Severity.PAGE
    return Severity.TICKET if metric in _TICKETS else _SEVERITIES[RULES[metric].group]

"""What each metric is to the detector: where it belongs, which way is worse, and its share of the false alarms."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

ALL = "all"


class Group(StrEnum):
    """Where an operator looks first."""

    QUALITY = "quality"
    OUTPUTS = "outputs"
    INPUTS = "inputs"
    PIPELINE = "pipeline"
    MONEY = "money"


class Worse(StrEnum):
    """In which direction a change is bad news."""

    HIGHER = "higher"
    LOWER = "lower"
    EITHER = "either"


class Rule(NamedTuple):
    """How one metric is judged.

    Attributes:
        group: quality is judged by exact counts against a locked baseline, all else night against night.
        worse: which direction can degrade a night.
        weight: its part of the false alarms that the policy allows; 0 never rings.
        is_closed: its slices are shares of one whole and known by name, so that a name which is new had none before.
        is_per_item: a total that is compared per item: dollars a comment, so that many comments are no alarm.
    """

    group: Group
    worse: Worse
    weight: float
    is_closed: bool = False
    is_per_item: bool = False

    @property
    def counts_errors(self) -> bool:
        """Whether wrong answers of n are counted exactly, against a locked baseline."""
        return self.group is Group.QUALITY and self.weight > 0


_Q, _O, _I, _P = Group.QUALITY, Group.OUTPUTS, Group.INPUTS, Group.PIPELINE
_UP, _DOWN, _BOTH = Worse.HIGHER, Worse.LOWER, Worse.EITHER

#: The weights are shares of `Policy.false_alarms_a_year`; most goes where a fault is worst and hardest to see.
RULES = {
    "volume": Rule(_I, _BOTH, 0.02),
    "text_length_log": Rule(_I, _BOTH, 0.09),
    "language_share": Rule(_I, _BOTH, 0.03, is_closed=True),
    "product_share": Rule(_I, _BOTH, 0.03),
    "duplicate_rate": Rule(_I, _BOTH, 0.005),
    "oov_rate": Rule(_I, _UP, 0.02),
    "text_shift": Rule(_I, _UP, 0.02),
    "violation_rate": Rule(_O, _BOTH, 0.14),
    "violation_category_share": Rule(_O, _BOTH, 0.03, is_closed=True),
    "slot_violation_rate": Rule(_O, _BOTH, 0.0),
    "input_tokens_log": Rule(_O, _BOTH, 0.01),
    "output_tokens_log": Rule(_O, _BOTH, 0.02),
    "rejected_rate": Rule(_P, _UP, 0.005),
    "malformed_rate": Rule(_P, _UP, 0.03),
    "refused_rate": Rule(_P, _UP, 0.005),
    "error_rate": Rule(_P, _UP, 0.005),
    "missing_rate": Rule(_P, _UP, 0.005),
    "cost_usd": Rule(Group.MONEY, _UP, 0.005, is_per_item=True),
    "label_error_rate": Rule(_P, _UP, 0.005),
    "accuracy": Rule(_Q, _DOWN, 0.45),
    "golden_flip_rate": Rule(_Q, _UP, 0.05),
    "golden_accuracy": Rule(_Q, _DOWN, 0.01),
    "attack_success_rate": Rule(_Q, _UP, 0.005),
    "overturn_rate": Rule(_Q, _UP, 0.005),
    "precision": Rule(_Q, _DOWN, 0.0),
    "recall": Rule(_Q, _DOWN, 0.0),
    "f1": Rule(_Q, _DOWN, 0.0),
    "prevalence": Rule(_Q, _BOTH, 0.0),
}

#: All metrics without a rule share one weight, so that adding one never breaks the promise.
UNKNOWN = "unknown"
UNKNOWN_RULE = Rule(_O, _BOTH, 0.005)

#: Together they are the answers that failed.
FAILURES = ("malformed_rate", "refused_rate", "error_rate", "missing_rate")


def rule_of(metric: str) -> Rule:
    """The metric's rule; one that is not known is judged both ways, night against night."""
    return RULES.get(metric, UNKNOWN_RULE)


def budget_name(metric: str) -> str:
    """Under which name the metric has its share of the false alarms."""
    return metric if metric in RULES else UNKNOWN


def rings(metric: str, part: str) -> bool:
    """Whether this chart can alarm: of quality only slice `all` does, and only where it has a weight."""
    rule = rule_of(metric)
    return rule.weight > 0 and (rule.group is not Group.QUALITY or part == ALL)

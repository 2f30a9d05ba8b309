"""What the detector promises: how many false alarms a year, shared out by metric, and what was announced to it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tasks.measure.detect.rules import RULES, UNKNOWN, UNKNOWN_RULE, Group, rule_of

NIGHTS_A_YEAR = 365.0


class Event(NamedTuple):
    """Days that were announced to be unlike others, first and last included; without metrics, all inputs are meant."""

    name: str
    first: date
    last: date
    metrics: tuple[str, ...] = ()

    def covers(self, day: date, metric: str) -> bool:
        """Whether this metric may be unlike itself on this day; outputs, pipeline and quality never may."""
        is_meant = not self.metrics or metric in self.metrics
        return is_meant and rule_of(metric).group is Group.INPUTS and self.first <= day <= self.last


class Policy(BaseModel):
    """How the detector judges; `Policy()` is the shipped one.

    Attributes:
        false_alarms_a_year: expected over all charts together, on nights without a fault.
        false_pages_a_year: at most, by theorem, over all quality charts together; part of the false alarms.
        events: days on which inputs are shown but do not ring, and do not enter the baseline.
        rebaselined: from this day on these metrics (none named: all) are compared with nights since then alone.
        max_failed_fraction: a night with a larger share of answers that failed pages, whatever earlier nights were.
        smallest_drop: a night with too few labels to show an error rate this much higher within a week cannot tell.
    """

    model_config = ConfigDict(frozen=True)

    false_alarms_a_year: float = Field(default=1.0, gt=0, le=NIGHTS_A_YEAR)
    false_pages_a_year: float = Field(default=0.3, gt=0, le=NIGHTS_A_YEAR)
    events: tuple[Event, ...] = ()
    rebaselined: tuple[tuple[date, tuple[str, ...]], ...] = ()
    max_failed_fraction: float = Field(default=0.05, gt=0, lt=1)
    smallest_drop: float = Field(default=0.05, gt=0, lt=1)

    @property
    def budgets(self) -> dict[str, float]:
        """Expected false alarms a year by metric; `unknown` is shared by all metrics without a rule."""
        weights = {metric: rule.weight for metric, rule in RULES.items()} | {UNKNOWN: UNKNOWN_RULE.weight}
        whole = sum(weights.values())
        return {metric: self.false_alarms_a_year * weight / whole for metric, weight in weights.items()}

    @property
    def page_budgets(self) -> dict[str, float]:
        """False pages a year by quality metric, at most."""
        weights = {metric: rule.weight for metric, rule in RULES.items() if rule.counts_errors}
        whole = sum(weights.values())
        return {metric: self.false_pages_a_year * weight / whole for metric, weight in weights.items()}

    def events_on(self, day: date, metric: str) -> list[Event]:
        """The announced events that excuse this metric on this day."""
        return [event for event in self.events if event.covers(day, metric)]

    def baseline_start(self, metric: str, day: date) -> date:
        """The first night that this metric may be compared with on this day."""
        starts = [since for since, metrics in self.rebaselined if since <= day and (not metrics or metric in metrics)]
        return max(starts, default=date.min)

    def describe(self) -> str:
        """What the policy promises, line by line."""
        lines = [
            f"Nights without a fault: about {self.false_alarms_a_year:g} false alarms a year over all charts together.",
            f"Of these at most {self.false_pages_a_year:g} a year are pages, by theorem: at any error rate up to the",
            "upper bound of the baseline, as long as labels of one night are independent.",
            f"A night with more than {self.max_failed_fraction:.0%} failed answers pages at once, one without any too.",
            "Expected false alarms a year by metric (its slices share them):",
        ]
        shares = sorted(self.budgets.items(), key=lambda item: (-item[1], item[0]))
        lines += [f"  {metric:<26} {share:.3f}" for metric, share in shares if share > 0]
        return "\n".join(
            [*lines, *(f"Announced: {event.name}, {event.first} to {event.last}" for event in self.events)]
        )

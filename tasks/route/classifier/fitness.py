"""Whether the classifier is asked tonight; where it is not, the model is asked for all, and the reason is on record."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from data_contracts.documents.evaluation.classifier import ClassifierVersion
from data_contracts.tables.metrics import State
from tasks.base.paths import DayPaths
from tasks.ledger.run import Run
from tasks.measure.metrics_table import read_standing
from tasks.route.classifier.features import READING
from tasks.route.classifier.model import BrokenArrays
from tasks.route.classifier.stored import Classifier, load_arrays, newest_version

#: Categories whose violations harm people: a classifier that has seen fewer than LEAST_SEEN of one clears nothing, as
#: nobody can say of a comment that it is none of these.
GRAVE = ("illegal", "privacy", "violence")
LEAST_SEEN = 50
#: A version serves for so many days after it was trained.
MAX_AGE = timedelta(days=35)
#: Metrics whose alarm says that comments or verdicts are not those that a classifier learnt from.
DRIFT = (
    "accuracy",
    "language_share",
    "oov_rate",
    "overturn_rate",
    "text_length_log",
    "text_shift",
    "violation_category_share",
    "violation_rate",
)


class Picked(NamedTuple):
    """The classifier that is asked; or None, and why in words."""

    classifier: Classifier | None
    reason: str | None

    def words(self) -> str:
        """Which one is asked, or why none is; empty where none is wanted."""
        if self.classifier is not None:
            version = self.classifier.version
            return f"v{version.version} clears up to {version.clear_to:g}"
        return f"not asked, the model judges its share: {self.reason}" if self.reason else ""


def pick_classifier(run: Run) -> Picked:
    """The newest version, if it may be asked tonight."""
    try:
        version = newest_version(run.storage, run.settings)
        reason = why_not(version, run.plan.prompt_sha256, run.plan.planned_at - MAX_AGE, open_drift(run))
        if version is None or reason is not None:
            return Picked(None, reason)
        return Picked(Classifier(version, load_arrays(run.storage, run.settings, version)), None)
    except BrokenArrays as error:
        return Picked(None, str(error))


def why_not(
    version: ClassifierVersion | None, prompt_sha256: str, oldest: datetime, drifting: Collection[str]
) -> str | None:
    """Why the model is asked for all; None if the classifier may clear.

    Args:
        version: the newest.
        prompt_sha256: of the night's model step.
        oldest: before when a version is too old.
        drifting: metrics whose alarm stands.
    """
    if version is None:
        return "there is no classifier yet"
    name = f"classifier v{version.version}"
    if version.reading != READING:
        return f"{name} was trained by another version of this program"
    if version.prompt_sha256 != prompt_sha256:
        return f"{name} learnt another guideline than the night's prompt has"
    if version.trained_at < oldest:
        return f"{name} is older than {MAX_AGE.days} days"
    if version.rare:
        return f"{name} has seen {rare_words(version)}: under {LEAST_SEEN} it clears nothing"
    if version.clear_to is None:
        return f"{name}: its labels prove no threshold"
    if drifting:
        return f"alarms stand that say that comments have changed: {', '.join(sorted(drifting))}"
    return None


def rare_words(version: ClassifierVersion) -> str:
    """How often it has seen each rare grave category."""
    return ", ".join(f"{version.seen.get(category, 0)} of {category}" for category in version.rare)


def open_drift(run: Run) -> list[str]:
    """The metrics of DRIFT that were degraded on the last day before the night's that was measured."""
    days = [day for day in run.lake.days(run.paths.lake("metrics")) if day < run.plan.run_date]
    if not days:
        return []
    standing = read_standing(run.outside, DayPaths(run.settings, max(days)))
    is_open = pl.col("metric").is_in(DRIFT) & (pl.col("state") == State.DEGRADED)
    return standing.filter(is_open)["metric"].unique().sort().to_list()

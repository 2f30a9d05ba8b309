"""Quality: labels against verdicts, runs/D/RUN/confusion.json, and over the last nights, runs/D/RUN/quality.json."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, ConfigDict


class QualityFigure(BaseModel):
    """A quality metric over a window of nights that ends with the last labelled one, as known when the run measured.

    Attributes:
        nights: calendar nights of the window: 1, 7 or 28.
        metric: accuracy, precision, recall, f1 or prevalence.
        first: the window's first night.
        last: its last, the newest night up to the run's own whose labels are all there.
        labelled_nights: how many nights of the window have labels that are all there.
        labels: how many labels these are.
        value: the estimate; null where the labels cannot say, as recall and f1 where only flagged comments have any.
        ci_low: lower end of its 95 % interval.
        ci_high: upper end.
        detectable: the smallest change for the worse (of prevalence: upwards) that as many labels would show in 8 of 10
            cases, by one test at a one-sided 5 %; null where no change would be large enough.
        is_weighted: whether every label came with its inclusion probability; if not, all count alike.
    """

    model_config = ConfigDict(frozen=True)

    nights: int
    metric: str
    first: dt.date
    last: dt.date
    labelled_nights: int
    labels: int
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    detectable: float | None = None
    is_weighted: bool


class QualityReport(BaseModel):
    """Every metric over every window; empty while no day has labels that are all there."""

    model_config = ConfigDict(frozen=True)

    date: dt.date
    figures: tuple[QualityFigure, ...] = ()


class ConfusionMatrix(BaseModel):
    """Labelled comments of one slice by verdict and truth; `estimated_*` are the comments that they stand for.

    The estimates are null where no inclusion probability is known.
    """

    model_config = ConfigDict(frozen=True)

    slice: str
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    estimated_true_positive: float | None
    estimated_false_positive: float | None
    estimated_false_negative: float | None
    estimated_true_negative: float | None

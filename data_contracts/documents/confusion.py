"""Labels against verdicts: runs/D/RUN/confusion.json."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


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

"""Labels as this project writes them itself: one object for what came together, which is never changed afterwards.

The same answers once more are the same object; a correction is another one, and the later `labeled_at` counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, model_validator

from data_contracts.tables.labels import LABELS, LabelSource
from tasks.adapters.storage import Storage
from tasks.base.paths import DayPaths
from tasks.labels.truth import NO_CATEGORY

#: What a rater answered: the rest is known of the request, or is when it was answered.
_ANSWER = ("comment_id", "labeler", "violation", "category", "source")


class Label(BaseModel):
    """One row of the label files, with what its contract asks for beyond types.

    Raises:
        ValueError: if violation and category are at odds.
    """

    model_config = ConfigDict(frozen=True)

    comment_id: str = Field(min_length=1)
    labeler: str = Field(min_length=1)
    violation: bool
    category: str
    labeled_at: datetime
    source: LabelSource
    stratum: str | None = None
    inclusion_probability: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _is_of_one_mind(self) -> Label:
        if self.violation == (self.category == NO_CATEGORY):
            raise ValueError(f"violation is {str(self.violation).lower()}, and category is {self.category}")
        return self


class PutLabels(NamedTuple):
    """Where labels are, and whether they were written now or stood there before."""

    uri: str
    is_new: bool


def labels_name(labels: Sequence[Label]) -> str:
    """The name of the object for these labels, whatever their order and whenever they were given."""
    rows = sorted(json.dumps(label.model_dump(mode="json", include=set(_ANSWER)), sort_keys=True) for label in labels)
    digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return f"import-{digest[:16]}.parquet"


def labels_frame(labels: Sequence[Label]) -> pl.DataFrame:
    """The labels as rows of LABELS, in order of comment and labeler."""
    rows = [label.model_dump() | {"source": str(label.source)} for label in labels]
    return pl.DataFrame(rows, schema=LABELS.polars_schema).sort("comment_id", "labeler", "labeled_at")


def put_labels(storage: Storage, paths: DayPaths, labels: Sequence[Label], name: str | None = None) -> PutLabels:
    """Write labels of one day as one object, unless it is there.

    Args:
        storage: where.
        paths: of the day.
        labels: at least one, all of the day.
        name: of the object; by default `labels_name`.

    Raises:
        StorageRefused: if the caller may not write there.
    """
    body = BytesIO()
    pq.write_table(labels_frame(labels).to_arrow().cast(LABELS.arrow_schema), body, compression="zstd")
    uri = f"{paths.labels}/{name or labels_name(labels)}"
    if storage.get(uri) is not None:  # it may have been written at another time: then not to the byte
        return PutLabels(uri, is_new=False)
    return PutLabels(uri, storage.put_if_absent(uri, body.getvalue()))

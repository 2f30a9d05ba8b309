"""What a night judges and how: runs/D/RUN/plan.json."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict

from data_contracts.batch_lines import InvocationType


class InputObject(BaseModel):
    """One Parquet object of the day, pinned by its etag."""

    model_config = ConfigDict(frozen=True)

    uri: str
    etag: str
    size_bytes: int
    row_count: int


class PlannedPack(BaseModel):
    """The golden pack that rides along.

    Attributes:
        file: where it was read from.
        sha256: hash of its items.
        item_count: how many it has.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    sha256: str
    item_count: int


#: Fields that are of the run, or of what it does not judge: equal plans may differ in them.
_DECIDES_NOTHING = {"run_id", "planned_at", "settings", "warnings", "golden"}


class Plan(BaseModel):
    """What the night judges and how; equal plans of one epoch give equal verdicts without a new paid call."""

    model_config = ConfigDict(frozen=True)

    run_date: date
    run_id: str
    planned_at: datetime
    inputs: tuple[InputObject, ...]
    model_id: str
    invocation_type: InvocationType
    prompt_name: str
    prompt_version: str
    prompt_sha256: str
    #: answers of earlier epochs do not count: raising it judges, and pays, again
    epoch: int
    settings: dict[str, Any]
    #: what somebody should know of the input, such as objects of the day's folder that are not read
    warnings: tuple[str, ...] = ()
    #: None where none rides along: in a backfill, or if the deployment has none
    golden: PlannedPack | None = None

    @property
    def row_count(self) -> int:
        """Rows that the input holds."""
        return sum(item.row_count for item in self.inputs)

    @cached_property
    def sha256(self) -> str:
        """Hash of what is judged and how: inputs, prompt, model, row rules; not of the run, nor of its epoch.

        Raises:
            KeyError: if the plan is of another version, and its settings lack a row rule.
        """
        return self.sha256_with(0)

    def sha256_with(self, epoch: int) -> str:
        """The hash with an epoch in it, which `nights` and restores of earlier versions hold; without one it is 0."""
        rules = {name: self.settings[name] for name in ("timezone", "max_text_chars", "deduplicate")}
        decides = self.model_dump(mode="json", exclude=_DECIDES_NOTHING) | rules
        return hashlib.sha256(json.dumps(decides | {"epoch": epoch}, sort_keys=True).encode()).hexdigest()

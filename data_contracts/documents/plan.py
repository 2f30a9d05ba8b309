"""What a night judges and how: runs/D/RUN/plan.json."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from data_contracts.batch_lines import InvocationType


def _is_none(value: object) -> bool:
    return value is None


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


#: The step that judges what no other step decides; the only one of nights before there were policies.
MODEL_STEP = "model"
#: The model step where it asks for several comments at once.
PACK_STEP = "pack"


class PlannedAsker(BaseModel):
    """A model with the prompt that one step of the night asks it by.

    Attributes:
        step: which step: `light` or `model`; `pack` for the model where it is asked for several comments at once.
    """

    model_config = ConfigDict(frozen=True)

    step: str
    model_id: str
    invocation_type: InvocationType
    prompt_name: str
    prompt_version: str
    prompt_sha256: str
    #: the model behind `model_id`, where that is an application inference profile; left out of any other
    profiled_model_id: str | None = Field(default=None, exclude_if=_is_none)


class PlannedPolicy(BaseModel):
    """Who judges a comment: a policy of the prompt's, and what its steps rest on.

    Attributes:
        name: what it is called.
        sha256: hash of its steps.
        is_plain: whether every comment is asked of the model, singly.
        rules_sha256: hash of the rules' file, if a step reads it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    is_plain: bool
    rules_sha256: str | None = None


class PlannedChampion(BaseModel):
    """Which champion judges the night.

    Attributes:
        number: counts champions from 1.
        comparison: what it was promoted on; null for the first, which nobody promoted.
        since: when it was made the champion.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    comparison: str | None
    since: datetime

    def __str__(self) -> str:
        on = f", promoted on comparison {self.comparison}" if self.comparison else ""
        return f"champion {self.number} since {self.since:%Y-%m-%d}{on}"


#: Fields that are of the run, or of what it does not judge: equal plans may differ in them.
_DECIDES_NOTHING = {"run_id", "planned_at", "settings", "warnings", "golden", "champion"}
#: What decides only where it is not plain: so the hash of a plain night is what it was before there were policies.
_OF_POLICY = {"policy", "askers", "step"}


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
    #: which rules masked the texts that the model is asked about (tasks/llm/masking.py); left out where none did
    masking: str | None = Field(default=None, exclude_if=_is_none)
    #: None where none rides along: in a backfill, or if the deployment has none
    golden: PlannedPack | None = None
    #: None in plans of earlier versions, which were plain
    policy: PlannedPolicy | None = None
    #: who is asked, the model step last
    askers: tuple[PlannedAsker, ...] = ()
    #: where the settings leave prompt, model or policy to the champion; left out of any other plan
    champion: PlannedChampion | None = Field(default=None, exclude_if=_is_none)
    #: the model behind `model_id`, where that is an application inference profile; left out of any other plan
    profiled_model_id: str | None = Field(default=None, exclude_if=_is_none)
    #: the step that this plan was narrowed to, see `asked_by`; never stored
    step: str | None = Field(default=None, exclude_if=_is_none)

    @property
    def priced_model_id(self) -> str:
        """The id that family and price go by."""
        return self.profiled_model_id or self.model_id

    @property
    def is_plain(self) -> bool:
        """Whether every comment is asked of the model, singly."""
        return self.policy is None or self.policy.is_plain

    def asker(self, step: str) -> PlannedAsker | None:
        """Who a step asks; None if the plan has no such step."""
        if step == MODEL_STEP:  # of this plan even where it was narrowed to another step, or has no list of askers
            fields = {name: getattr(self, name) for name in PlannedAsker.model_fields if name != "step"}
            own = PlannedAsker(step=MODEL_STEP, **fields)
            return next((asker for asker in self.askers if asker.step == step), own)
        return next((asker for asker in self.askers if asker.step == step), None)

    def asked_by(self, step: str) -> Plan:
        """The plan as one step sees it: the model and the prompt are the step's.

        Raises:
            KeyError: if the plan has no such step.
        """
        asker = self.asker(step)
        if asker is None:
            raise KeyError(step)
        # Not `model_dump`, which leaves out what this plan may have and the step has not.
        return self.model_copy(update={name: getattr(asker, name) for name in PlannedAsker.model_fields})

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
        left_out = _DECIDES_NOTHING | (_OF_POLICY if self.is_plain else {"step"})
        decides = self.model_dump(mode="json", exclude=left_out) | rules
        return hashlib.sha256(json.dumps(decides | {"epoch": epoch}, sort_keys=True).encode()).hexdigest()

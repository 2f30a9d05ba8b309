"""Policies: who judges a comment, step by step, `prompts/NAME/policies/POLICY.toml`; frozen by hash like a prompt.

A step may spare the model a comment. What it gets wrong is then seen by nobody, unless a known share of what it decides
is asked of the model all the same: its audit. So a step without an audit is no policy.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from prompts import CATALOG, PromptFileError

StepName = Literal["duplicate", "cache", "rules", "classifier", "light", "model"]
#: In which order a comment meets the steps.
ORDER: tuple[StepName, ...] = ("duplicate", "cache", "rules", "classifier", "light", "model")
#: The policy of a deployment that names none: every comment is asked singly.
PLAIN = "plain"
#: Folder of a prompt's policies, and the file with their hashes, which no policy can be called after.
FOLDER, HASHES = "policies", "policies.toml"
#: Fewest and most comments of a request: every size is a JSON schema of its own, and Bedrock compiles each.
PACK_SIZES = (2, 20)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class PolicyStep(BaseModel):
    """One step of a policy.

    Attributes:
        name: what it is.
        audit: the share of what it decides that the model is asked for too.
        clear_from: of the light model alone: the confidence from which its "no violation" stands.
        pack: of the model alone: comments in a request; None asks for each by itself.
        pack_prompt: the version of the pack's own prompt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: StepName
    audit: float | None = Field(default=None, gt=0, le=1)
    clear_from: float | None = Field(default=None, ge=0.5, le=1)
    pack: int | None = Field(default=None, ge=PACK_SIZES[0], le=PACK_SIZES[1])
    pack_prompt: str | None = Field(default=None, pattern=r"^v[0-9]+$")

    @model_validator(mode="after")
    def _fits(self) -> PolicyStep:
        decides = self.name not in ("duplicate", "model") or self.pack is not None
        if decides and self.audit is None:
            raise ValueError(
                f"step {self.name!r} has no audit: every step but 'duplicate', and a model that is asked singly, needs "
                "a share of what it decides that is asked of the model too"
            )
        if not decides and self.audit is not None:
            raise ValueError(f"step {self.name!r} takes no audit: nothing judges its comments better")
        if self.clear_from is not None and self.name != "light":
            raise ValueError(f"step {self.name!r} takes no clear_from: the light model does")
        if self.name != "model" and (self.pack or self.pack_prompt):
            raise ValueError(f"step {self.name!r} takes no pack: the model does")
        if (self.pack is None) != (self.pack_prompt is None):
            raise ValueError("pack and pack_prompt come together")
        return self


class PolicyFile(BaseModel):
    """A policy.

    Attributes:
        name: what the file is called.
        steps: in their order.
        notes: why it exists, for people; no part of the hash.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    steps: tuple[PolicyStep, ...] = Field(min_length=1, validation_alias="step")
    notes: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> PolicyFile:
        names = [step.name for step in self.steps]
        if names[-1] != "model":
            raise ValueError("the last step must be 'model': somebody judges what no other step decides")
        if names != [name for name in ORDER if name in names]:
            raise ValueError(f"each step stands once, in this order: {', '.join(ORDER)}")
        return self

    @cached_property
    def sha256(self) -> str:
        """Hash of all that decides, lower hex."""
        decides = self.model_dump(mode="json", exclude={"notes"}, exclude_none=True)
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

    def step(self, name: StepName) -> PolicyStep | None:
        """The step of a name; None if the policy has none."""
        return next((step for step in self.steps if step.name == name), None)

    @property
    def is_plain(self) -> bool:
        """Whether every comment is asked of the model, singly: what nights did before there were policies."""
        return {step.name for step in self.steps} <= {"duplicate", "model"} and not self.steps[-1].pack


def read_policy(name: str, prompt_name: str, catalog: Path = CATALOG) -> PolicyFile:
    """A policy of a prompt; `plain` is there for a prompt without policies too.

    Raises:
        PromptFileError: if there is no such policy, naming those that are, or if its file is not as it must be.
    """
    path = catalog / prompt_name / FOLDER / f"{name}.toml"
    if not _NAME.fullmatch(name) or not path.is_file() or path.name == HASHES:
        if name == PLAIN:
            return PolicyFile(name=PLAIN, step=[{"name": "duplicate"}, {"name": "model"}])
        known = ", ".join(each for prompt, each in policies(catalog) if prompt == prompt_name) or PLAIN
        raise PromptFileError(f"prompt {prompt_name} has no policy {name!r}; it has {known}")
    return parse_policy(path.read_text(encoding="utf-8"), name, str(path.relative_to(catalog)))


def parse_policy(text: str, name: str, origin: str) -> PolicyFile:
    """Read a policy file's text.

    Raises:
        PromptFileError: naming the file, the place and what is wrong with it.
    """
    try:
        content: dict[str, Any] = tomllib.loads(text)
        return PolicyFile.model_validate(content | {"name": name})
    except tomllib.TOMLDecodeError as error:
        raise PromptFileError(f"{origin}: {error}") from error
    except ValidationError as error:
        raise PromptFileError(f"{origin}: {_told(error)}") from None


def policies(catalog: Path = CATALOG) -> list[tuple[str, str]]:
    """Every (prompt, policy) of the catalog, in order."""
    files = catalog.glob(f"*/{FOLDER}/*.toml")
    return sorted((path.parents[1].name, path.stem) for path in files if path.name != HASHES)


def _told(error: ValidationError) -> str:
    places = (
        (".".join(map(str, item["loc"])), str(item["msg"]).removeprefix("Value error, ")) for item in error.errors()
    )
    return "; ".join(f"{place}: {what}" if place else what for place, what in places)

"""Candidates by name: which prompt, which model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import prompts
from data_contracts.batch_lines import InvocationType
from prompts import Prompt, PromptFileError
from prompts.policies import PLAIN, PolicyFile
from tasks import adapters
from tasks.adapters.bedrock_models import NoModelFacts
from tasks.base.errors import PromptInvalid, SettingsInvalid, WrongUsage
from tasks.base.ports import ModelFacts
from tasks.base.safe_text import brief
from tasks.base.settings import Settings
from tasks.ledger.asker import Asker
from tasks.ledger.champion import serving
from tasks.llm.masking import MASKING
from tasks.llm.model_ids import is_application_profile
from tasks.llm.policy import load_policy

_KEYS = ("prompt", "model", "policy")


class Candidate(NamedTuple):
    """One way to judge.

    Attributes:
        name: all that it is made of, in one spelling: the same candidate has the same name.
        asker: its model and prompt.
        order_seed: 0, or the number of the repetition where it was named more than once.
        masking: which rules mask the texts that it is asked about; None for none.
        alone: how it is asked about what goes in no pack, or what a pack leaves unanswered; None of one without packs.
    """

    name: str
    asker: Asker
    order_seed: int = 0
    masking: str | None = None
    alone: Asker | None = None

    @property
    def policy(self) -> str:
        """The policy that it is asked by."""
        return self.name.rpartition("policy=")[2]

    @property
    def singly(self) -> Candidate | None:
        """The candidate that is asked about what goes in no pack; None of one without packs."""
        if self.alone is None:
            return None
        return self._replace(name=_name(self.alone, PLAIN), asker=self.alone, alone=None)

    @property
    def identity(self) -> tuple[str, InvocationType, str, int]:
        """Model, invocation type, hash of the prompt, order seed: what an answer is kept under."""
        return self.asker.model_id, self.asker.invocation_type, self.asker.prompt.sha256, self.order_seed


def read_candidate(settings: Settings, text: str) -> Candidate:
    """A candidate from `KEY=VALUE,KEY=VALUE`; what is not named is the settings'.

    A prompt is `v2`, `NAME/v2`, or a file of a draft that is not in the catalog, whose name ends in `.md`.

    Raises:
        WrongUsage: if a key is none, is there twice, or has no value; or if the policy does more than
            to ask singly or in packs.
        PromptInvalid, UnsupportedModel: if the prompt or the model is none, or the two do not fit.
    """
    given: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in _KEYS or not equals or not value or key in given:
            raise WrongUsage(
                f"{brief(text, 60)} is no candidate: write KEY=VALUE,KEY=VALUE with keys {', '.join(_KEYS)}, each once"
            )
        given[key] = value
    policy = given.get("policy", PLAIN)
    settings = serving(settings) if not {"prompt", "model"} <= given.keys() else settings
    model_id, named = given.get("model", settings.model_id), given.get("prompt", settings.prompt_version)
    if named.endswith(".md"):
        if policy != PLAIN:
            raise WrongUsage(f"a draft is asked singly: policy {brief(policy, 40)} needs a prompt of the catalog")
        return with_prompt(settings, model_id, _read_draft(Path(named)))
    prompt_name, _, version = named.rpartition("/")
    chosen = {"model_id": model_id, "prompt": prompt_name or settings.prompt, "prompt_version": version}
    own = settings.model_copy(update=chosen)
    models = _models(settings, model_id)
    alone = _candidate(settings, Asker.named(own, models), "")
    in_packs = Asker.of_packs(own, _policy(policy, alone.asker), models)
    if in_packs is None:
        return alone
    return alone._replace(name=_name(alone.asker, policy), asker=in_packs, alone=alone.asker)


def _policy(name: str, asker: Asker) -> PolicyFile:
    """A policy that is asked as it is: `plain`, or one that packs and does nothing else.

    Raises:
        WrongUsage: for any other; `savings` replays it on answers that are stored.
    """
    try:
        policy = load_policy(name, asker.prompt)
    except SettingsInvalid as error:
        raise WrongUsage(f"policy {brief(name, 40)}: {error}") from None
    if not {step.name for step in policy.steps} <= {"duplicate", "model"}:
        raise WrongUsage(
            f"policy {name} has steps that ask no model of their own: ask its models by themselves, then "
            "`python -m flows savings` replays it"
        )
    return policy


def with_prompt(settings: Settings, model_id: str, prompt: Prompt) -> Candidate:
    """The candidate of a model and a prompt that need not be in the catalog.

    Its name has the first digits of the prompt's hash where the catalog has no such version, or another one under it.

    Raises:
        PromptInvalid, UnsupportedModel: as `read_candidate`.
    """
    is_listed = (prompt.id, prompt.version) in prompts.versions()
    is_same = is_listed and prompts.load(prompt.id, prompt.version).sha256 == prompt.sha256
    asker = Asker.with_prompt(settings, model_id, prompt, _models(settings, model_id))
    return _candidate(settings, asker, "" if is_same else f"@{prompt.sha256[:12]}")


def _models(settings: Settings, model_id: str) -> ModelFacts:
    """Who knows the model behind an id: Bedrock, which only an application inference profile needs."""
    return adapters.connect(settings).models if is_application_profile(model_id) else NoModelFacts()


def _candidate(settings: Settings, asker: Asker, mark: str) -> Candidate:
    return Candidate(_name(asker, PLAIN, mark), asker, masking=MASKING if settings.mask else None)


def _name(asker: Asker, policy: str, mark: str = "") -> str:
    return f"prompt={asker.prompt.id}/{asker.prompt.version}{mark},model={asker.model_id},policy={policy}"


def _read_draft(path: Path) -> Prompt:
    """Raises PromptInvalid if there is no such file, or it is no prompt."""
    try:
        return prompts.parse_any(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, PromptFileError) as error:
        raise PromptInvalid(f"{path}: {error}") from error


def read_candidates(settings: Settings, texts: Sequence[str]) -> list[Candidate]:
    """Several candidates; one that is named again is asked again, to see how far it agrees with itself.

    Raises:
        As `read_candidate`; WrongUsage if there is none.
    """
    if not texts:
        raise WrongUsage("no candidate was named: --candidate prompt=v1")
    counts: dict[str, int] = {}
    candidates = []
    for text in texts:
        candidate = read_candidate(settings, text)
        candidates.append(candidate._replace(order_seed=counts.get(candidate.name, 0)))
        counts[candidate.name] = counts.get(candidate.name, 0) + 1
    return candidates

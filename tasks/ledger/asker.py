"""How a model is asked, as one value: prompt, family, the form of a request, prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from data_contracts.batch_lines import InvocationChoice, InvocationType
from data_contracts.documents.ledger import LedgerEntry, Mode
from data_contracts.documents.plan import MODEL_STEP, PACK_STEP, Plan, PlannedAsker
from prompts import PackPrompt, Prompt, sized
from prompts.policies import PolicyFile
from tasks.base.settings import Settings
from tasks.ledger.prices import Price, find_price
from tasks.llm.families import pick_family
from tasks.llm.families.base import Family
from tasks.llm.pack_template import PackTemplate
from tasks.llm.policy import load_policy, pack_prompt_of
from tasks.llm.prompt import load_prompt
from tasks.llm.request_line import RequestTemplate

MODES: tuple[Mode, ...] = ("batch", "on_demand", "canary")
#: What each way of asking costs; None where it is unknown.
Prices = Mapping[Mode, Price | None]


@dataclass(frozen=True)
class Asker:
    """A model with the prompt that it is asked by.

    Attributes:
        model_id: as the settings name it: a model, a profile or an ARN.
        prompt: from the catalog.
        family: how such a model is asked and how its output is read.
        prices: of a token, by the way of asking.
    """

    model_id: str
    prompt: Prompt
    family: Family
    prices: Prices

    @classmethod
    def named(cls, settings: Settings) -> Asker:
        """The asker that the settings name.

        Raises:
            UnsupportedModel: if no family answers to the model.
            PromptInvalid: if the catalog lacks the prompt, its file is broken, or it was not written for the family.
            SettingsInvalid: if the list of prices cannot be read.
        """
        prompt = load_prompt(settings.prompt, settings.prompt_version)
        return cls._of(settings, settings.model_id, prompt, settings.invocation_type)

    @classmethod
    def of_packs(cls, settings: Settings, policy: PolicyFile) -> Asker | None:
        """How the settings' model is asked for several comments at once; None if the policy packs none.

        Raises:
            As `named`; PromptInvalid if the catalog lacks the prompt of the packs.
        """
        prompt = pack_prompt_of(policy, load_prompt(settings.prompt, settings.prompt_version))
        size = policy.steps[-1].pack
        if prompt is None or size is None:
            return None
        return cls._of(settings, settings.model_id, prompt, settings.invocation_type).in_packs(size)

    @classmethod
    def planned(cls, settings: Settings, plan: Plan) -> Asker:
        """The asker that a plan has settled on, whatever the settings have come to say. Raises as `named`."""
        prompt = load_prompt(plan.prompt_name, plan.prompt_version)
        return cls._of(settings, plan.model_id, prompt, plan.invocation_type)

    @classmethod
    def booked(cls, settings: Settings, entry: LedgerEntry, prompt: Prompt | None = None) -> Asker:
        """The asker of a ledger entry; that its prompt fits its model was seen when it was asked. Raises as `named`.

        Args:
            prompt: that it was asked by, where that is not the catalog's.
        """
        prompt = prompt or load_prompt(entry.prompt_name, entry.prompt_version)
        family = pick_family(entry.model_id, invocation_type=entry.invocation_type)
        return cls(entry.model_id, prompt, family, _prices(settings, entry.model_id))

    def as_planned(self, step: str) -> PlannedAsker:
        """What a plan says of it."""
        return PlannedAsker(
            step=step,
            model_id=self.model_id,
            invocation_type=self.invocation_type,
            prompt_name=self.prompt.id,
            prompt_version=self.prompt.version,
            prompt_sha256=self.prompt.sha256,
        )

    @classmethod
    def with_prompt(cls, settings: Settings, model_id: str, prompt: Prompt) -> Asker:
        """The asker of a prompt that need not be in the catalog. Raises as `named`."""
        return cls._of(settings, model_id, prompt, settings.invocation_type)

    @classmethod
    def _of(cls, settings: Settings, model_id: str, prompt: Prompt, invocation_type: InvocationChoice) -> Asker:
        return cls(model_id, prompt, pick_family(model_id, prompt, invocation_type), _prices(settings, model_id))

    def in_packs(self, size: int) -> Asker:
        """The same, asked for so many comments at once; its prompt is one for packs."""
        return replace(self, prompt=sized(self.prompt, size))

    def pack_template(self, size: int) -> PackTemplate:
        """A request line for so many comments."""
        return PackTemplate(self.family, sized(self.prompt, size))

    @property
    def pack_size(self) -> int:
        """Comments of a request."""
        return self.prompt.size if isinstance(self.prompt, PackPrompt) else 1

    @property
    def invocation_type(self) -> InvocationType:
        """The type of its batch jobs."""
        return self.family.invocation_type

    @property
    def prompt_text(self) -> str:
        """All that a request says beside the comment; of a pack, beside the comments and their places."""
        return self.prompt.system + self.prompt.user

    @cached_property
    def template(self) -> RequestTemplate:
        """A request line with everything but the comment rendered, or but the comments of a pack."""
        if isinstance(self.prompt, PackPrompt):
            return self.pack_template(self.pack_size)
        return RequestTemplate(self.family, self.prompt)


def planned_askers(settings: Settings) -> tuple[PlannedAsker, ...]:
    """Who the settings' policy asks, step by step, the model last. Raises as `Asker.named` and `load_policy`."""
    model = Asker.named(settings)
    policy = load_policy(settings.policy, model.prompt)
    askers = []
    if policy.step("light") is not None:
        light = settings.model_copy(update={"model_id": settings.light_model_id})
        askers.append(Asker.named(light).as_planned("light"))
    if (in_packs := Asker.of_packs(settings, policy)) is not None:
        askers.append(in_packs.as_planned(PACK_STEP))
    return (*askers, model.as_planned(MODEL_STEP))


def _prices(settings: Settings, model_id: str) -> Prices:
    return {mode: find_price(model_id, mode, settings.prices) for mode in MODES}

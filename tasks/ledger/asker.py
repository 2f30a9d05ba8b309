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
from tasks.base.errors import UnsupportedModel
from tasks.base.ports import FactUnavailable, ModelFacts
from tasks.base.settings import Settings
from tasks.ledger.prices import Price, find_price
from tasks.llm.families import pick_family
from tasks.llm.families.base import Family
from tasks.llm.model_ids import is_application_profile
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
        profiled_model_id: the model behind `model_id`, where that is an application inference profile.
    """

    model_id: str
    prompt: Prompt
    family: Family
    prices: Prices
    profiled_model_id: str | None = None

    @classmethod
    def named(cls, settings: Settings, models: ModelFacts) -> Asker:
        """The asker that the settings name.

        Raises:
            UnsupportedModel: if no family answers to the model, or Bedrock does not say which model a profile is of.
            BedrockUnavailable: if it cannot say it now.
            PromptInvalid: if the catalog lacks the prompt, its file is broken, or it was not written for the family.
            SettingsInvalid: if the list of prices cannot be read.
        """
        prompt = load_prompt(settings.prompt, settings.prompt_version)
        model_id, profiled = settings.model_id, find_profiled(models, settings.model_id)
        return cls._of(settings, model_id, profiled, prompt, settings.invocation_type)

    @classmethod
    def of_packs(cls, settings: Settings, policy: PolicyFile, models: ModelFacts) -> Asker | None:
        """How the settings' model is asked for several comments at once; None if the policy packs none.

        Raises:
            As `named`; PromptInvalid if the catalog lacks the prompt of the packs.
        """
        prompt = pack_prompt_of(policy, load_prompt(settings.prompt, settings.prompt_version))
        size = policy.steps[-1].pack
        if prompt is None or size is None:
            return None
        model_id, profiled = settings.model_id, find_profiled(models, settings.model_id)
        return cls._of(settings, model_id, profiled, prompt, settings.invocation_type).in_packs(size)

    @classmethod
    def planned(cls, settings: Settings, plan: Plan) -> Asker:
        """The asker that a plan has settled on, whatever the settings have come to say. Raises as `named`.

        Bedrock is not asked: the plan has the model behind a profile.
        """
        prompt = load_prompt(plan.prompt_name, plan.prompt_version)
        return cls._of(settings, plan.model_id, plan.profiled_model_id, prompt, plan.invocation_type)

    @classmethod
    def booked(cls, settings: Settings, entry: LedgerEntry, prompt: Prompt | None = None) -> Asker:
        """The asker of a ledger entry; that its prompt fits its model was seen when it was asked. Raises as `named`.

        Args:
            prompt: that it was asked by, where that is not the catalog's.
        """
        prompt = prompt or load_prompt(entry.prompt_name, entry.prompt_version)
        family = pick_family(entry.priced_model_id, invocation_type=entry.invocation_type)
        prices = _prices(settings, entry.priced_model_id)
        return cls(entry.model_id, prompt, family, prices, entry.profiled_model_id)

    def as_planned(self, step: str) -> PlannedAsker:
        """What a plan says of it."""
        return PlannedAsker(
            step=step,
            model_id=self.model_id,
            invocation_type=self.invocation_type,
            prompt_name=self.prompt.id,
            prompt_version=self.prompt.version,
            prompt_sha256=self.prompt.sha256,
            profiled_model_id=self.profiled_model_id,
        )

    @classmethod
    def with_prompt(cls, settings: Settings, model_id: str, prompt: Prompt, models: ModelFacts) -> Asker:
        """The asker of a prompt that need not be in the catalog. Raises as `named`."""
        return cls._of(settings, model_id, find_profiled(models, model_id), prompt, settings.invocation_type)

    @classmethod
    def _of(
        cls,
        settings: Settings,
        model_id: str,
        profiled: str | None,
        prompt: Prompt,
        invocation_type: InvocationChoice,
    ) -> Asker:
        priced = profiled or model_id
        return cls(model_id, prompt, pick_family(priced, prompt, invocation_type), _prices(settings, priced), profiled)

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


def find_profiled(models: ModelFacts, model_id: str) -> str | None:
    """The model behind an application inference profile, by whose id family and price go; None for any other id.

    Raises:
        UnsupportedModel: if Bedrock does not say it: nothing may be asked at a price that nobody knows.
        BedrockUnavailable: if it cannot say it now.
    """
    if not is_application_profile(model_id):
        return None
    try:
        return models.profiled_model(model_id)
    except FactUnavailable as error:
        raise UnsupportedModel(
            f"which model {model_id} is a profile of is not known, so neither is its price: {error}; check the ARN and "
            "the Region, allow bedrock:GetInferenceProfile on it, or name the model itself"
        ) from None


def planned_askers(settings: Settings, models: ModelFacts) -> tuple[PlannedAsker, ...]:
    """Who the settings' policy asks, step by step, the model last. Raises as `Asker.named` and `load_policy`."""
    model = Asker.named(settings, models)
    policy = load_policy(settings.policy, model.prompt)
    askers = []
    if policy.step("light") is not None:
        light = settings.model_copy(update={"model_id": settings.light_model_id})
        askers.append(Asker.named(light, models).as_planned("light"))
    if (in_packs := Asker.of_packs(settings, policy, models)) is not None:
        askers.append(in_packs.as_planned(PACK_STEP))
    return (*askers, model.as_planned(MODEL_STEP))


def _prices(settings: Settings, model_id: str) -> Prices:
    return {mode: find_price(model_id, mode, settings.prices) for mode in MODES}

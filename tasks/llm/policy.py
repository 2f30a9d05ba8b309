"""The policy that a deployment's nights follow, or an error of ours."""

from __future__ import annotations

import polars as pl

from data_contracts.documents.plan import Plan, PlannedPolicy
from prompts import Prompt, PromptFileError
from prompts.freeze import frozen_policies
from prompts.policies import PolicyFile, read_policy
from prompts.rules import Rules, read_rules, rules_of
from tasks.base.errors import SettingsInvalid
from tasks.base.settings import Settings
from tasks.llm.prompt import load_prompt

_SETTING = "MODERATION_POLICY"


def load_policy(name: str, prompt: Prompt) -> PolicyFile:
    """A policy of a prompt, if it fits.

    Raises:
        SettingsInvalid: if there is no such policy, its file is broken or not what was frozen, or its packs are told
            another guideline than the prompt's.
        PromptInvalid: if the catalog lacks the prompt of its packs.
    """
    try:
        policy = read_policy(name, prompt.id)
        known = frozen_policies(prompt.id).get(name, policy.sha256)
    except PromptFileError as error:
        raise SettingsInvalid(f"{_SETTING}: {error}") from error
    if known != policy.sha256:
        raise SettingsInvalid(
            f"{_SETTING}: policy {name} is frozen with {known}, and its file has {policy.sha256}: restore it; a change "
            "is a new file"
        )
    pack_prompt, nights = pack_prompt_of(policy, prompt), f"{prompt.id}/{prompt.version}"
    if pack_prompt is not None and pack_prompt.of != nights:
        raise SettingsInvalid(
            f"{_SETTING}: policy {name} packs by {pack_prompt.id}/{pack_prompt.version}, which is of {pack_prompt.of}, "
            f"and the night's prompt is {nights}"
        )
    return policy


def pack_prompt_of(policy: PolicyFile, prompt: Prompt) -> Prompt | None:
    """What the policy's packs are told; None if it packs nothing.

    Raises:
        PromptInvalid: if the catalog lacks it or its file is broken.
    """
    version = policy.steps[-1].pack_prompt
    return load_prompt(f"{prompt.id}_pack", version) if version is not None else None


def load_planned_policy(plan: Plan, prompt: Prompt) -> PolicyFile:
    """The policy that a plan has settled on, whatever the settings have come to say.

    Raises:
        SettingsInvalid: as `load_policy`, and if the file was changed since.
        PromptInvalid: as `load_policy`.
    """
    name = plan.policy.name if plan.policy else "plain"
    policy = load_policy(name, prompt)
    if plan.policy is not None and policy.sha256 != plan.policy.sha256:
        raise SettingsInvalid(f"{_SETTING}: policy {name} was changed while the night ran")
    return policy


def planned_policy(settings: Settings, prompt: Prompt) -> PlannedPolicy:
    """The policy that the settings name, with what its steps rest on.

    Raises:
        SettingsInvalid: as `load_policy`, and if it has rules and their file is broken or not there.
        PromptInvalid: as `load_policy`.
    """
    policy = load_policy(settings.policy, prompt)
    rules = find_rules(settings, prompt) if policy.step("rules") is not None else None
    return PlannedPolicy(
        name=policy.name,
        sha256=policy.sha256,
        is_plain=policy.is_plain,
        rules_sha256=rules.sha256 if rules else None,
    )


def find_rules(settings: Settings, prompt: Prompt) -> Rules:
    """The rules that the settings name, else the prompt's own.

    Raises:
        SettingsInvalid: if there are none or their file is broken.
    """
    file = settings.rules or rules_of(prompt.id)
    if file is None:
        raise SettingsInvalid(f"MODERATION_RULES is not set, and prompt {prompt.id} has no rules of its own")
    try:
        rules = read_rules(file, prompt.categories)
    except PromptFileError as error:
        raise SettingsInvalid(f"MODERATION_RULES: {error}") from error
    for rule in rules.rules:
        try:
            pl.Series([""]).str.contains(rule.pattern or "")
        except pl.exceptions.ComputeError:
            raise SettingsInvalid(f"MODERATION_RULES: rule {rule.name}: its pattern is no regular expression") from None
    return rules


def load_planned_rules(settings: Settings, plan: Plan, prompt: Prompt) -> Rules:
    """The rules that a plan has settled on.

    Raises:
        SettingsInvalid: as `find_rules`, and if the file was changed since.
    """
    rules = find_rules(settings, prompt)
    if plan.policy is None or rules.sha256 != plan.policy.rules_sha256:
        raise SettingsInvalid("MODERATION_RULES: the file was changed while the night ran")
    return rules

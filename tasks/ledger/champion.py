"""Who judges where PROMPT_VERSION, MODEL_ID or POLICY says `champion`: by state/champion.json, or by a day's own plan.

`ingest` asks once a night and writes the answer into the plan; every later stage reads the plan alone.
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic import ValidationError

import prompts
from data_contracts.documents.evaluation.champion import ChampionRecord
from data_contracts.documents.plan import Plan, PlannedChampion
from data_contracts.tables.verdicts import NIGHTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage
from tasks.base.errors import ChampionUnusable, PromptInvalid, SettingsInvalid, UnsupportedModel
from tasks.base.paths import RunPaths, champion_file
from tasks.base.settings import CHAMPION, Settings
from tasks.ledger.asker import Asker
from tasks.ledger.nights import read_published
from tasks.llm.policy import load_policy

_RUN = "plan.json"
#: The policy of plans that name none.
PLAIN = "plain"


class Judge(NamedTuple):
    """Who judges a night: settings that name it, and what the plan keeps of the champion that it is."""

    settings: Settings
    champion: PlannedChampion | None = None


def follows(settings: Settings) -> bool:
    """Whether the settings leave it to the champion, in part or wholly."""
    return CHAMPION in (settings.prompt_version, settings.model_id, settings.policy)


class StoredRecord(NamedTuple):
    """The champion on record, None if there was no promotion yet, and what a conditional write replaces."""

    record: ChampionRecord | None
    etag: str | None


def read_champion(storage: Storage, settings: Settings) -> StoredRecord:
    """What is on record about the champion."""
    found = storage.get_versioned(champion_file(settings))
    if found is None:
        return StoredRecord(None, None)
    return StoredRecord(ChampionRecord.model_validate_json(found.body), found.etag)


def serving(settings: Settings) -> Settings:
    """The settings with the present champion in place of `champion`; the same ones where they do not say it.

    Raises:
        ChampionUnusable: if there is none, or this deployment cannot judge with it.
    """
    if not follows(settings):
        return settings
    return _by_record(adapters.connect(settings), settings).settings


def judge_of(outside: Adapters, settings: Settings, paths: RunPaths) -> Judge:
    """Who judges this run's day: that of the plan which the day has, else the present champion.

    So a day that was begun ends as it was begun, and another champion judges it only where a backfill names one.

    Raises:
        ChampionUnusable: if there is no champion, or this deployment cannot judge with it.
    """
    if not follows(settings):
        return Judge(settings)
    planned = _earlier_plan(outside, paths)
    return _by_record(outside, settings) if planned is None else _by_plan(outside, settings, planned)


def _earlier_plan(outside: Adapters, paths: RunPaths) -> Plan | None:
    """The day's plan: this run's own, else that of the run which published the day, else the newest; None if none."""
    plans: dict[str, Plan] = {}
    for item in outside.storage.list(paths.runs):
        run_id, _, name = item.uri.removeprefix(f"{paths.runs}/").partition("/")
        if name != _RUN:
            continue
        try:
            plans[run_id] = Plan.model_validate_json(outside.storage.get(item.uri) or b"")
        except ValidationError:  # of an earlier version, or deleted since it was listed
            continue
    if not plans:
        return None
    nights = outside.lake.read(paths.lake(NIGHTS.name), NIGHTS)
    published = read_published(nights, paths.run_date)
    first = [paths.run_id, *([published.run_id] if published else [])]
    if found := [plans[each] for each in first if each in plans]:
        return found[0]
    return max(plans.values(), key=lambda plan: plan.planned_at)


def _by_plan(outside: Adapters, settings: Settings, plan: Plan) -> Judge:
    told = f"the day's plan of run {plan.run_id}"
    policy = plan.policy.name if plan.policy else PLAIN
    named = _Named(f"{plan.prompt_name}/{plan.prompt_version}", plan.prompt_sha256, plan.model_id, policy)
    return Judge(_filled(outside, settings, named, told), plan.champion)


def _by_record(outside: Adapters, settings: Settings) -> Judge:
    champion = read_champion(outside.storage, settings).record
    if champion is None:
        raise ChampionUnusable(
            f"there is no champion yet: {champion_file(settings)} is not there; promote a candidate, or name a prompt "
            "version and a model"
        )
    told = f"champion {champion.number} (prompt {champion.prompt}, model {champion.model})"
    named = _Named(champion.prompt, champion.prompt_sha256, champion.model, champion.policy)
    return Judge(_filled(outside, settings, named, told), champion.planned)


class _Named(NamedTuple):
    """What stands in the place of `champion`: a prompt as `name/version` with its hash, a model, a policy."""

    prompt: str
    prompt_sha256: str
    model_id: str
    policy: str


def _filled(outside: Adapters, settings: Settings, judge: _Named, told: str) -> Settings:
    """The settings with what they leave to the champion filled in.

    Raises:
        ChampionUnusable: if the deployed catalog has no such prompt or policy, or has another text under the prompt's
            name; if no family knows the model.
    """
    name, _, version = judge.prompt.partition("/")
    parts = {"prompt_version": version, "model_id": judge.model_id, "policy": judge.policy}
    filled = {setting: value for setting, value in parts.items() if getattr(settings, setting) == CHAMPION}
    if "prompt_version" in filled:
        if name != settings.prompt:
            raise ChampionUnusable(f"{told} asks by the prompt {name}, and MODERATION_PROMPT is {settings.prompt}")
        if (name, version) not in prompts.versions():
            names = ", ".join("/".join(each) for each in prompts.versions())
            raise ChampionUnusable(f"the deployed catalog lacks {name}/{version} of {told}; it has {names}")
    named = settings.model_copy(update=filled)
    try:
        asker = Asker.named(named, outside.models)
        if "policy" in filled:
            load_policy(judge.policy, asker.prompt)
    except (PromptInvalid, UnsupportedModel, SettingsInvalid) as error:
        raise ChampionUnusable(f"{told} cannot judge here: {error}") from error
    if "prompt_version" in filled and asker.prompt.sha256 != judge.prompt_sha256:
        raise ChampionUnusable(
            f"the deployed catalog has another text under {judge.prompt} ({asker.prompt.sha256}) than {told} was "
            f"promoted with ({judge.prompt_sha256})"
        )
    return named

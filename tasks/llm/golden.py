"""The golden pack that a deployment's nights carry, or an error of ours."""

from __future__ import annotations

from pathlib import Path

from data_contracts.documents.plan import Plan, PlannedPack
from prompts import Prompt, PromptFileError
from prompts.golden import GoldenPack, pack_of, read_pack
from tasks.base.errors import SettingsInvalid
from tasks.base.settings import NO_PACK, OWN_PACK, Settings


def planned_pack(settings: Settings, prompt: Prompt) -> PlannedPack | None:
    """The pack that the settings name, else the prompt's own; None if there is none.

    Raises:
        SettingsInvalid: if its file is broken, or a category of it is none of the prompt's.
    """
    if settings.golden_pack == NO_PACK:
        return None
    file = pack_of(prompt.id) if settings.golden_pack == OWN_PACK else Path(settings.golden_pack)
    if file is None:
        return None
    pack = read_pack_file(file, prompt)
    return PlannedPack(file=str(file), sha256=pack.sha256, item_count=len(pack.items))


def load_planned(plan: Plan, prompt: Prompt) -> GoldenPack | None:
    """The pack that a plan has settled on, whatever the settings have come to say; None if it has none.

    Raises:
        SettingsInvalid: if the file was changed since, or is gone.
    """
    if plan.golden is None:
        return None
    pack = read_pack_file(Path(plan.golden.file), prompt)
    if pack.sha256 != plan.golden.sha256:
        raise SettingsInvalid(f"MODERATION_GOLDEN_PACK: {plan.golden.file} was changed while the night ran")
    return pack


def read_pack_file(file: Path, prompt: Prompt) -> GoldenPack:
    """A pack's items.

    Raises:
        SettingsInvalid: as `planned_pack`.
    """
    try:
        return read_pack(file, prompt.categories)
    except PromptFileError as error:
        raise SettingsInvalid(f"MODERATION_GOLDEN_PACK: {error}") from error

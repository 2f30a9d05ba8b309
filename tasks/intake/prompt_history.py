"""A prompt version that has judged is never edited: the night is refused when its file is not what earlier nights used.

Checked where it matters, beside the catalog's own test: a deployment may carry a file that no test has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.tables.verdicts import NIGHTS
from prompts import PromptFileError
from prompts.freeze import frozen
from tasks.adapters import Adapters
from tasks.base.errors import PromptInvalid
from tasks.base.paths import DayPaths
from tasks.ledger.nights import Use, prompt_uses


def check_unchanged(
    origin: str, sha256: str, uses: Sequence[Use], asked: Sequence[LedgerEntry], known: Mapping[str, str]
) -> None:
    """Raises PromptInvalid if anything was judged under this name and version with another text.

    Args:
        origin: the prompt's `name/version`.
        uses: what published nights used. They name the version alone, so a hash that is frozen for a prompt of
            another name is that prompt's.
        asked: the day's ledger.
        known: the frozen hashes by `name/version`.

    Raises:
        PromptInvalid: naming both hashes and where the other was used.
    """
    name, _, version = origin.partition("/")
    others = {known_hash for known_name, known_hash in known.items() if known_name.partition("/")[0] != name}
    for use in uses:
        if use.version == version and use.sha256 not in {sha256, *others}:
            raise _changed(origin, sha256, use.sha256, f"the nights of {use.first_date} to {use.last_date} were judged")
    for entry in asked:
        if (entry.prompt_name, entry.prompt_version) == (name, version) and entry.prompt_sha256 != sha256:
            raise _changed(origin, sha256, entry.prompt_sha256, f"job {entry.job_name} asks")


def _changed(origin: str, now: str, before: str, where: str) -> PromptInvalid:
    return PromptInvalid(
        f"prompt {origin} has hash {now}, but {where} with {before} under this name: restore the file, and give the "
        "change a new version"
    )


def check_prompt(outside: Adapters, paths: DayPaths, origin: str, sha256: str) -> None:
    """Raises PromptInvalid unless the prompt is what the published nights and the day's own ledger know it as.

    Raises:
        PromptInvalid: as `check_unchanged`, or if the catalog's hash file cannot be read.
    """
    bodies = (
        outside.storage.get(item.uri) for item in outside.storage.list(paths.ledger) if item.uri.endswith(".json")
    )
    asked = [LedgerEntry.model_validate_json(body) for body in bodies if body is not None]
    try:
        hashes = frozen()
    except PromptFileError as error:
        raise PromptInvalid(str(error)) from error
    check_unchanged(origin, sha256, prompt_uses(outside.lake.read(paths.lake(NIGHTS.name), NIGHTS)), asked, hashes)

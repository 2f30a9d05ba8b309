"""Which prompt versions, golden packs and policies are frozen: by hash files, and a test holds the files to them.

A version enters the file when it is written and never leaves it or changes: verdicts name the version that made them,
and what a golden pack shows from night to night rests on its texts.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from prompts import CATALOG, PromptFileError, load, versions
from prompts.golden import packs, read_pack
from prompts.policies import FOLDER, policies, read_policy
from prompts.policies import HASHES as POLICY_HASHES

HASHES = "hashes.toml"

_HEADER = """\
# Every prompt version with the hash of its text and parameters (its notes are free to change), and every golden pack.
# `python -m flows prompts --freeze` adds new versions; an entry is never edited: a change is a new version.
"""

_POLICY_HEADER = """\
# Every policy of this prompt with the hash of its steps (its notes are free to change).
# `python -m flows prompts --freeze` adds new ones; an entry is never edited: a change is a new file.
"""


def frozen(catalog: Path = CATALOG) -> dict[str, str]:
    """The hash of each frozen version and pack, by `name/version` and `name/golden`; nothing if there is no file yet.

    Raises:
        PromptFileError: if the file is no TOML table of strings.
    """
    return _read_hashes(catalog / HASHES)


def frozen_policies(prompt_name: str, catalog: Path = CATALOG) -> dict[str, str]:
    """The hash of each frozen policy of a prompt, by its name. Raises as `frozen`."""
    return _read_hashes(catalog / prompt_name / FOLDER / POLICY_HASHES)


def check_frozen(catalog: Path = CATALOG) -> dict[str, str]:
    """The hash of each version, pack and policy that is not frozen yet, if every frozen one is as it was.

    Raises:
        PromptFileError: naming the first one that is gone or changed, with both hashes.
    """
    present = {f"{name}/{version}": load(name, version, catalog).sha256 for name, version in versions(catalog)}
    present |= {name: read_pack(path).sha256 for name, path in packs(catalog)}
    present |= {_policy(*each): read_policy(each[1], each[0], catalog).sha256 for each in policies(catalog)}
    recorded = frozen(catalog)
    for prompt_name in _with_policies(catalog):
        hashes = frozen_policies(prompt_name, catalog)
        recorded |= {_policy(prompt_name, name): sha256 for name, sha256 in hashes.items()}
    for name, sha256 in recorded.items():
        if name not in present:
            raise PromptFileError(f"{name} is frozen with {sha256}, and its file is gone: restore it")
        if present[name] != sha256:
            raise PromptFileError(
                f"{name} is frozen with {sha256}, and its file has {present[name]}: restore it; a change is a new file"
            )
    return {name: sha256 for name, sha256 in present.items() if name not in recorded}


def freeze(catalog: Path = CATALOG) -> dict[str, str]:
    """Add the versions, packs and policies that are new to the hash files, and return them.

    Raises:
        PromptFileError: as `check_frozen`; then nothing is added.
    """
    new = check_frozen(catalog)
    for prompt_name in _with_policies(catalog):
        mark = _policy(prompt_name, "")
        of_prompt = {name.removeprefix(mark): sha256 for name, sha256 in new.items() if name.startswith(mark)}
        _add(catalog / prompt_name / FOLDER / POLICY_HASHES, _POLICY_HEADER, of_prompt)
    _add(catalog / HASHES, _HEADER, {name: sha256 for name, sha256 in new.items() if f"/{FOLDER}/" not in name})
    return new


def _policy(prompt_name: str, name: str) -> str:
    return f"{prompt_name}/{FOLDER}/{name}"


def _with_policies(catalog: Path) -> list[str]:
    return sorted({path.parent.name for path in catalog.glob(f"*/{FOLDER}")})


def _add(path: Path, header: str, new: dict[str, str]) -> None:
    if new:
        text = path.read_text(encoding="utf-8") if path.is_file() else header
        lines = "".join(f'"{name}" = "{sha256}"\n' for name, sha256 in new.items())
        path.write_text(text.rstrip("\n") + "\n" + lines, encoding="utf-8")


def _read_hashes(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        hashes = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PromptFileError(f"{path.name}: {error}") from error
    if wrong := [name for name, value in hashes.items() if not isinstance(value, str)]:
        raise PromptFileError(f"{path.name}: {wrong[0]} is no hash")
    return hashes

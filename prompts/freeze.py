"""Which prompt versions and golden packs are frozen: `hashes.toml` has their hashes, and a test holds the files to it.

A version enters the file when it is written and never leaves it or changes: verdicts name the version that made them,
and what a golden pack shows from night to night rests on its texts.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from prompts import CATALOG, PromptFileError, load, versions
from prompts.golden import packs, read_pack

HASHES = "hashes.toml"

_HEADER = """\
# Every prompt version with the hash of its text and parameters (its notes are free to change), and every golden pack.
# `python -m flows prompts --freeze` adds new versions; an entry is never edited: a change is a new version.
"""


def frozen(catalog: Path = CATALOG) -> dict[str, str]:
    """The hash of each frozen version and pack, by `name/version` and `name/golden`; nothing if there is no file yet.

    Raises:
        PromptFileError: if the file is no TOML table of strings.
    """
    path = catalog / HASHES
    if not path.is_file():
        return {}
    try:
        hashes = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PromptFileError(f"{HASHES}: {error}") from error
    if wrong := [name for name, value in hashes.items() if not isinstance(value, str)]:
        raise PromptFileError(f"{HASHES}: {wrong[0]} is no hash")
    return hashes


def check_frozen(catalog: Path = CATALOG) -> dict[str, str]:
    """The hash of each version and pack that is not frozen yet, if every frozen one is as it was.

    Raises:
        PromptFileError: naming the first one that is gone or changed, with both hashes.
    """
    present = {f"{name}/{version}": load(name, version, catalog).sha256 for name, version in versions(catalog)}
    present |= {name: read_pack(path).sha256 for name, path in packs(catalog)}
    for name, sha256 in frozen(catalog).items():
        if name not in present:
            raise PromptFileError(f"{name} is frozen with {sha256}, and its file is gone: restore it")
        if present[name] != sha256:
            raise PromptFileError(
                f"{name} is frozen with {sha256}, and its file has {present[name]}: restore it; a change is a new file"
            )
    return {name: sha256 for name, sha256 in present.items() if name not in frozen(catalog)}


def freeze(catalog: Path = CATALOG) -> dict[str, str]:
    """Add the versions and packs that are new to the hash file, and return them.

    Raises:
        PromptFileError: as `check_frozen`; then nothing is added.
    """
    new = check_frozen(catalog)
    if new:
        path = catalog / HASHES
        text = path.read_text(encoding="utf-8") if path.is_file() else _HEADER
        lines = "".join(f'"{name}" = "{sha256}"\n' for name, sha256 in new.items())
        path.write_text(text.rstrip("\n") + "\n" + lines, encoding="utf-8")
    return new

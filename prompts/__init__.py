"""The prompt catalog: `prompts/NAME/vN.md`, never edited once it has judged; a change is a new file.

A file is YAML front matter, then a `# system` part with the guideline and a `# user` part with the comment's place.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

CATALOG = Path(__file__).parent

#: Where the escaped comment goes; in a prompt for packs, where all of them go.
COMMENT_MARK, COMMENTS_MARK = "{{comment}}", "{{comments}}"

_FILE = re.compile(r"\A---\n(?P<front>.*?)\n---\n+# system\n(?P<system>.*?)\n# user\n(?P<user>.*)\Z", re.DOTALL)


class PromptFileError(ValueError):
    """A prompt file does not say what it must; the text names the file and what is wrong."""


class Prompt(BaseModel):
    """One version of a prompt with the parameters it is run with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    version: str = Field(pattern=r"^v[0-9]+$")
    language: str
    families: tuple[str, ...] = Field(min_length=1)
    max_tokens: int = Field(gt=0)
    temperature: float = Field(ge=0, le=1)
    categories: tuple[str, ...] = Field(min_length=2)
    system: str
    user: str
    #: why this version exists, for people; no part of the hash, so that it may be written later
    notes: str = ""
    #: of a prompt for packs: the prompt, `NAME/vN`, whose guideline it judges several comments by
    of: str | None = Field(default=None, pattern=r"^[a-z0-9_]+/v[0-9]+$", exclude_if=lambda value: value is None)

    @cached_property
    def sha256(self) -> str:
        """Hash of the text with its parameters, lower hex: whatever changes an answer changes it."""
        decides = self.model_dump(mode="json", exclude={"notes"})
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

    @property
    def mark(self) -> str:
        """What stands in the user's turn for what is judged."""
        return COMMENTS_MARK if self.of else COMMENT_MARK

    def user_text(self, comment: str) -> str:
        """The user's turn around one comment."""
        return self.user.replace(self.mark, escape(comment))


class PackPrompt(Prompt):
    """A prompt for packs, as it asks for so many comments at once.

    Attributes:
        size: comments of a request.
        file_sha256: hash of the prompt as the catalog has it, whatever the size.
    """

    size: int = Field(ge=2, le=20)
    file_sha256: str

    @cached_property
    def sha256(self) -> str:
        """See Prompt: that of the catalog's."""
        return self.file_sha256


#: Tokens that the answer to a pack may have: so many for each comment, and so many beside.
PACK_TOKENS = (40, 150)


def sized(prompt: Prompt, size: int) -> PackPrompt:
    """A prompt for packs with the room that the answer to so many comments needs."""
    each, beside = PACK_TOKENS
    fields = {name: getattr(prompt, name) for name in Prompt.model_fields}
    return PackPrompt(**fields | {"max_tokens": each * size + beside, "size": size, "file_sha256": prompt.sha256})


def escape(comment: str) -> str:
    """The comment as text that can neither close nor open a tag; deterministic, byte for byte."""
    return comment.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """The comment that was escaped so."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def load(name: str, version: str, catalog: Path = CATALOG) -> Prompt:
    """Read one version from the catalog.

    Raises:
        PromptFileError: if there is no such version, naming those that are, or if the file is not as it must be.
    """
    return parse(read(name, version, catalog), f"{name}/{version}")


def read(name: str, version: str, catalog: Path = CATALOG) -> str:
    """One version's file, front matter included.

    Raises:
        PromptFileError: if there is no such version, naming those that are.
    """
    path = catalog / name / f"{version}.md"
    if not path.is_file():
        names = ", ".join("/".join(each) for each in versions(catalog)) or "none"
        raise PromptFileError(f"there is no prompt {name}/{version}; the catalog has {names}")
    return path.read_text(encoding="utf-8")


def render(prompt: Prompt) -> str:
    """A prompt as the text of its file: `parse` reads the same prompt out of it.

    Raises:
        PromptFileError: if its text cannot stand in a file, such as a guideline with a line "# user".
    """
    front = prompt.model_dump(mode="json", exclude={"system", "user"})
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=120)
    text = f"---\n{head}---\n# system\n{prompt.system}\n# user\n{prompt.user}\n"
    origin = f"{prompt.id}/{prompt.version}"
    if parse(text, origin) != prompt:
        raise PromptFileError(f"{origin}: it cannot be written as a file")
    return text


def versions(catalog: Path = CATALOG) -> list[tuple[str, str]]:
    """Every (name, version) of the catalog, by name and then by number."""
    present = [(path.parent.name, path.stem) for path in catalog.glob("*/v*.md")]
    return sorted(present, key=lambda each: (each[0], len(each[1]), each[1]))


@lru_cache(maxsize=64)
def parse(text: str, origin: str) -> Prompt:
    """Read a prompt file's text; the same text is the same prompt, and every stage of a night asks for it.

    Raises:
        PromptFileError: as `load`; `origin` names the file in the message, and is who the prompt must be.
    """
    prompt = parse_any(text, origin)
    if f"{prompt.id}/{prompt.version}" != origin:
        raise PromptFileError(f"{origin}: the file says it is {prompt.id}/{prompt.version}")
    return prompt


def parse_any(text: str, origin: str) -> Prompt:
    """Read a prompt file's text, whichever prompt and version it says it is.

    Raises:
        PromptFileError: if it is not as it must be; `origin` names the file in the message.
    """
    match = _FILE.match(text.replace("\r\n", "\n"))
    if match is None:
        raise PromptFileError(f"{origin}: front matter between '---' lines, '# system' and '# user' are expected")
    try:
        front: dict[str, Any] = yaml.safe_load(match["front"]) or {}
        prompt = Prompt(system=match["system"].strip(), user=match["user"].strip(), **front)
    except (ValidationError, yaml.YAMLError, TypeError) as error:
        raise PromptFileError(f"{origin}: {error}") from error
    if prompt.user.count(prompt.mark) != 1 or prompt.mark in prompt.system:
        raise PromptFileError(f"{origin}: {prompt.mark} must stand exactly once, in the user part")
    if "none" not in prompt.categories:
        raise PromptFileError(f"{origin}: the categories need 'none'")
    return prompt

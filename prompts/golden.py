"""Golden packs: texts with a known verdict that ride along each night, `prompts/NAME/golden.jsonl`.

They tell the model from the traffic: the texts stay, so an answer that changes is the model's doing or the prompt's. A
shipped pack is frozen by its hash like a prompt (`prompts/freeze.py`); a change is a new file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prompts import CATALOG, PromptFileError

#: What a pack's file is called, beside the versions of its prompt.
FILE = "golden.jsonl"
#: Category of what breaks no rule.
NONE = "none"


class GoldenItem(BaseModel):
    """A text and the verdict that it should get.

    Attributes:
        item_id: names it from night to night; lower case letters, digits and hyphens.
        text: as a customer might have sent it.
        language: ISO 639-1 code.
        violation: whether it breaks the guideline.
        category: which rule it breaks, `none` for none.
        is_attack: whether it tries to talk the model out of the right verdict.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    item_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    text: str = Field(min_length=1, max_length=10_000)
    language: str = Field(pattern=r"^[a-z]{2}$")
    violation: bool
    category: str
    is_attack: bool


class GoldenPack(BaseModel):
    """The items of a file, in its order."""

    model_config = ConfigDict(frozen=True)

    items: tuple[GoldenItem, ...]

    @cached_property
    def sha256(self) -> str:
        """Hash of all that the items say, lower hex; the order of their keys and the line ends are free."""
        said = [item.model_dump(mode="json") for item in self.items]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def packs(catalog: Path = CATALOG) -> list[tuple[str, Path]]:
    """The packs of the catalog as (`NAME/golden`, file), in order of name."""
    return sorted((f"{path.parent.name}/{path.stem}", path) for path in catalog.glob(f"*/{FILE}"))


def pack_of(name: str, catalog: Path = CATALOG) -> Path | None:
    """The pack that the catalog has for a prompt; None if it has none."""
    path = catalog / name / FILE
    return path if path.is_file() else None


def read_pack(path: Path, categories: Collection[str] = ()) -> GoldenPack:
    """Read a pack.

    Args:
        path: JSON lines, UTF-8, one item a line.
        categories: those that the prompt knows; none given, any category goes.

    Raises:
        PromptFileError: naming the file, the line and what is wrong with it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PromptFileError(f"{path}: {error}") from error
    items = tuple(_items(path, lines, categories))
    if not items:
        raise PromptFileError(f"{path}: a golden pack needs at least one item")
    return GoldenPack(items=items)


def _items(path: Path, lines: list[str], categories: Collection[str]) -> Iterator[GoldenItem]:
    ids, texts = dict[str, int](), dict[str, int]()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            item = GoldenItem.model_validate_json(line)
        except ValidationError as error:
            raise PromptFileError(f"{where}: {_told(error)}") from None
        for what, value, known in (("item_id", item.item_id, ids), ("text", item.text, texts)):
            if value in known:
                raise PromptFileError(f"{where}: its {what} is that of line {known[value]}")
            known[value] = number
        if categories and item.category not in categories:
            raise PromptFileError(
                f"{where}: the prompt has no category {item.category!r}, only {', '.join(categories)}"
            )
        if item.violation == (item.category == NONE):
            raise PromptFileError(f"{where}: violation is true exactly when category is not {NONE!r}")
        yield item


def _told(error: ValidationError) -> str:
    """What is wrong, in one line; no value is repeated, since it may be the text."""
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'the line'}: {item['msg']}" for item in error.errors())

"""Rules: closed lists and patterns that a moderation lead edits, `prompts/NAME/rules.toml` or a file of one's own.

What a rule may do follows from how surely it knows. A list of whole texts may decide: who writes exactly that means
exactly that. Words and patterns are learnt by those who want to pass, and stand in innocent comments too: they may
`route` a comment past the cheaper steps to the model, or `flag` it, which says beside that which category is suspected,
so that it is counted how often the model agrees.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from prompts import CATALOG, PromptFileError

#: What a rules' file is called, beside the versions of its prompt.
FILE = "rules.toml"
Action = Literal["decide", "flag", "route"]


class Rule(BaseModel):
    """One rule.

    Attributes:
        name: for counts and explanations; it must give away nothing of the words.
        action: `decide` for a list of texts alone; `flag` and `route` for words and patterns too.
        category: what a comment is judged as, or suspected of; `none` decides that it is fine.
        texts: whole comments, compared in NFKC, without regard to case and white space.
        words: parts of comments, compared by their letters and digits alone, so that masked spellings count.
        pattern: a regular expression (Rust's) over the comment in NFKC and lower case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    action: Action
    category: str | None = None
    texts: tuple[str, ...] = Field(default=(), strict=False)
    words: tuple[str, ...] = Field(default=(), strict=False)
    pattern: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Rule:
        if sum(map(bool, (self.texts, self.words, self.pattern))) != 1:
            raise ValueError("needs exactly one of texts, words and pattern")
        if self.action == "decide" and not self.texts:
            raise ValueError("only a closed list of texts may decide; words and a pattern may flag or route")
        if (self.category is None) != (self.action == "route"):
            raise ValueError("decide and flag need a category; route takes none")
        if self.action == "flag" and self.category == "none":
            raise ValueError("flags what is suspected: category none suspects nothing")
        if not all(text.strip() for text in (*self.texts, *self.words)):
            raise ValueError("has an empty text or word, which would fit every comment")
        return self


class Rules(BaseModel):
    """The rules of a file, in its order: the first that decides counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = Field(validation_alias="rule")

    @cached_property
    def sha256(self) -> str:
        """Hash of all that decides, lower hex."""
        said = self.model_dump(mode="json")
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def rules_of(prompt_name: str, catalog: Path = CATALOG) -> Path | None:
    """The rules' file that the catalog has for a prompt; None if it has none."""
    path = catalog / prompt_name / FILE
    return path if path.is_file() else None


def read_rules(path: Path, categories: Collection[str] = ()) -> Rules:
    """Read a rules' file.

    Args:
        path: TOML, UTF-8, `[[rule]]` with the attributes of Rule.
        categories: those that the prompt knows; none given, any category goes.

    Raises:
        PromptFileError: naming the file, the rule and what is wrong with it; no word of a rule is repeated.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        rules = Rules.model_validate(content)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PromptFileError(f"{path}: {error}") from error
    except ValidationError as error:
        raise PromptFileError(f"{path}: {_told(error, content)}") from None
    names = [rule.name for rule in rules.rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise PromptFileError(f"{path}: two rules are called {twice}")
    for rule in rules.rules:
        if categories and rule.category is not None and rule.category not in categories:
            known = ", ".join(categories)
            raise PromptFileError(
                f"{path}: rule {rule.name}: the prompt has no category {rule.category!r}, only {known}"
            )
    return rules


def _told(error: ValidationError, content: dict[str, Any]) -> str:
    item = error.errors()[0]
    place = [str(part) for part in item["loc"]]
    listed = content.get("rule")
    if len(place) > 1 and place[1].isdecimal() and isinstance(listed, list):
        rule = listed[int(place[1])]
        name = str(rule.get("name", "")) if isinstance(rule, dict) else ""
        shown = f" ({name})" if re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name) else ""
        place[:2] = [f"rule {int(place[1]) + 1}{shown}"]
    return f"{'.'.join(place) or 'the file'}: {str(item['msg']).removeprefix('Value error, ')}"

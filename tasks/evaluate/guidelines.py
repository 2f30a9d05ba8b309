"""Labels belong to the guideline that they were given under: which of them another guideline has made stale.

What raters judge by is the prompt that the settings name. A candidate with other words is no reason to label anew:
it is tried on what people say under the present guideline.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import polars as pl

import prompts
from prompts import Prompt, PromptFileError
from tasks.adapters.storage import Storage
from tasks.base.paths import EvaluationPaths
from tasks.labels.reviewer.guideline import NO_VIOLATION, read_guideline

_SEPARATOR = "\x1f"


class FreshAnswers(NamedTuple):
    """Answers to comments whose labels hold under the present guideline, and what was left out.

    Attributes:
        answers: the rows that are left.
        stale: labels left out because their category's rule has changed since, or is gone, by category.
        unclear_count: comments labelled `none` that were left out because a candidate's answer is such a category:
            under its new rule nobody has looked at them.
        newer: categories that the present guideline has and that of some labels has not, with how many labels.
        unknown_count: labels of a guideline that is nowhere any more; they are kept.
    """

    answers: pl.DataFrame
    stale: dict[str, int]
    unclear_count: int
    newer: dict[str, int]
    unknown_count: int


def catalog_prompts() -> Iterator[Prompt]:
    """Every prompt of the catalog that can be read."""
    for name, version in prompts.versions():
        try:
            yield prompts.load(name, version)
        except PromptFileError:
            continue


def find_guidelines(storage: Storage, paths: EvaluationPaths, digests: Collection[str]) -> dict[str, Prompt]:
    """The prompts with these hashes: from the catalog, else as they were kept; those that are nowhere are left out."""
    found = {prompt.sha256: prompt for prompt in catalog_prompts() if prompt.sha256 in set(digests)}
    for digest in set(digests) - set(found):
        body = storage.get(paths.prompt(digest))
        prompt = _parsed(body.decode("utf-8", "replace")) if body is not None else None
        if prompt is not None:
            found[digest] = prompt
    return found


def _parsed(text: str) -> Prompt | None:
    try:
        return prompts.parse_any(text, "a kept prompt")
    except PromptFileError:
        return None


def changed_categories(before: Prompt, present: Prompt) -> frozenset[str]:
    """Categories of a guideline that the present one no longer has, or of which it says something else."""
    rules, now = rules_of(before), rules_of(present)
    return frozenset(category for category, rule in rules.items() if now.get(category) != rule)


def rules_of(prompt: Prompt) -> dict[str, str]:
    """What the guideline says of each category but `none`, white space aside; all of it where none is of a category."""
    guideline = read_guideline(prompt)
    names = [name for name in prompt.categories if name != NO_VIOLATION]
    return {name: " ".join(guideline.beside(name).split()) for name in names}


def without_stale(answers: pl.DataFrame, guidelines: Mapping[str, Prompt], present: Prompt) -> FreshAnswers:
    """Leave out what a change of the guideline has made stale.

    A category whose rule has changed leaves the comparison as a whole: the labels in it, and the comments labelled
    `none` that either candidate puts into it. Left with only the second, whoever never names the category would win.

    Columns: prompt_sha256, violation, category, champion_category, challenger_category are read; unchanged.

    Args:
        guidelines: prompts by hash, as far as they are known.
        present: the prompt that raters judge by now.
    """
    changed = [
        _SEPARATOR.join((digest, category))
        for digest, before in guidelines.items()
        for category in changed_categories(before, present)
    ]

    def has_changed(column: str) -> pl.Expr:
        pair = pl.concat_str("prompt_sha256", column, separator=_SEPARATOR)
        return pair.is_in(changed).fill_null(value=False)

    is_stale = pl.col("violation") & has_changed("category")
    is_unclear = ~pl.col("violation") & (has_changed("champion_category") | has_changed("challenger_category"))
    stale = answers.filter(is_stale).group_by("category").len().sort("category")
    newer: dict[str, int] = {}
    for digest, count in answers.group_by("prompt_sha256").len().sort("prompt_sha256").iter_rows():
        if digest in guidelines:
            for category in rules_of(present).keys() - rules_of(guidelines[digest]).keys():
                newer[category] = newer.get(category, 0) + count
    return FreshAnswers(
        answers.filter(~is_stale, ~is_unclear),
        dict(stale.iter_rows()),
        answers.filter(is_unclear).height,
        dict(sorted(newer.items())),
        answers.filter(~pl.col("prompt_sha256").is_in(list(guidelines))).height,
    )


def describe_stale(fresh: FreshAnswers) -> Iterator[str]:
    """What was left out or is to be minded, a line each."""
    if fresh.stale:
        parts = ", ".join(f"{count:,} {category}" for category, count in fresh.stale.items())
        yield (
            f"left out: {parts} labels are stale, since the guideline's rule has changed; label the comments anew and "
            "add them again"
        )
    if fresh.unclear_count:
        yield (
            f"left out: {fresh.unclear_count:,} comments labelled none that a candidate puts into a category whose "
            "rule has changed"
        )
    for category, count in fresh.newer.items():
        yield f"category {category} is newer than {count:,} labels: what it holds is something else in them"
    if fresh.unknown_count:
        yield f"{fresh.unknown_count:,} labels were given under a guideline that is not known: they may be stale"

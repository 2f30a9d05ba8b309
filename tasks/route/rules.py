"""Which comments the rules decide, and which they send past the cheaper steps: in streaming polars."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import polars as pl

from prompts.rules import Rule, Rules
from tasks.intake.row_rules import normalise

#: What masked spellings put in a letter's place; rules' words are folded alike.
_MASKS = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "|": "i"}


def match_rules(comments: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """What the rules say of each comment.

    Columns: text -> the same plus rule (the first that decides, null for none), rule_category, sent_on (whether one
    wants the model to judge it), flags (the names of those that flag it, with commas; empty for none).
    """
    plain, letters = _plain(pl.col("text")), _letters(pl.col("text"))
    deciding = [rule for rule in rules.rules if rule.action == "decide"]
    others = [rule for rule in rules.rules if rule.action != "decide"]
    hits = {rule.name: _hits(rule, plain="_plain", letters="_letters") for rule in rules.rules}
    null = pl.lit(None, pl.String)
    flags = [pl.when(hits[rule.name]).then(pl.lit(rule.name)) for rule in others if rule.action == "flag"]
    return (
        comments.with_columns(_plain=plain, _letters=letters)
        .with_columns(
            rule=pl.coalesce(*(pl.when(hits[rule.name]).then(pl.lit(rule.name)) for rule in deciding), null),
            rule_category=pl.coalesce(
                *(pl.when(hits[rule.name]).then(pl.lit(rule.category)) for rule in deciding), null
            ),
            sent_on=pl.any_horizontal(*(hits[rule.name] for rule in others), pl.lit(False)),
            flags=pl.concat_str(*flags, pl.lit("") if not flags else null, separator=",", ignore_nulls=True),
        )
        .drop("_plain", "_letters")
    )


def _hits(rule: Rule, plain: str, letters: str) -> pl.Expr:
    if rule.texts:
        return pl.col(plain).is_in([_fold_plain(text) for text in rule.texts])
    if rule.words:
        return pl.col(letters).str.contains_any([_fold_letters(word) for word in rule.words])
    return pl.col(plain).str.contains(rule.pattern or "")


def _plain(text: pl.Expr) -> pl.Expr:
    return normalise(text).str.to_lowercase()


def _letters(text: pl.Expr) -> pl.Expr:
    """Letters and digits alone, what stands for a letter read as that letter."""
    masked = text.str.normalize("NFKC").str.to_lowercase()
    return masked.str.replace_many(list(_MASKS), list(_MASKS.values())).str.replace_all(r"[^\p{L}\p{N}]+", "")


def _fold(values: Iterable[str], how: pl.Expr) -> str:
    folded: str = pl.DataFrame({"text": list(values)}).select(how).item()
    return folded


def _fold_plain(text: str) -> str:
    return _fold([unicodedata.normalize("NFKC", text)], _plain(pl.col("text")))


def _fold_letters(word: str) -> str:
    return _fold([word], _letters(pl.col("text")))

"""What alerts say: one table of sentences a language."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.alert_words.english import ENGLISH
from tasks.alert_words.japanese import JAPANESE
from tasks.alert_words.words import Words

__all__ = ["WORDS", "Words"]

#: By the setting ALERT_LANGUAGE.
WORDS: Mapping[str, Words] = {"en": ENGLISH, "ja": JAPANESE}

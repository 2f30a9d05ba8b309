"""What alerts say: one table of sentences a language."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.alerts.words.english import ENGLISH
from tasks.alerts.words.forms import NoticeWords, Words
from tasks.alerts.words.japanese import JAPANESE
from tasks.alerts.words.notices_english import NOTICES_ENGLISH
from tasks.alerts.words.notices_japanese import NOTICES_JAPANESE

__all__ = ["NOTICE_WORDS", "WORDS", "NoticeWords", "Words"]

#: By the setting LANGUAGE.
WORDS: Mapping[str, Words] = {"en": ENGLISH, "ja": JAPANESE}

#: The same for what is wrong across days.
NOTICE_WORDS: Mapping[str, NoticeWords] = {"en": NOTICES_ENGLISH, "ja": NOTICES_JAPANESE}

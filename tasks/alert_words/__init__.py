"""What alerts say: one table of sentences a language."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.alert_words.english import ENGLISH
from tasks.alert_words.japanese import JAPANESE
from tasks.alert_words.notice_words import NoticeWords
from tasks.alert_words.notices_english import NOTICES_ENGLISH
from tasks.alert_words.notices_japanese import NOTICES_JAPANESE
from tasks.alert_words.words import Words

__all__ = ["NOTICE_WORDS", "WORDS", "NoticeWords", "Words"]

#: By the setting ALERT_LANGUAGE.
WORDS: Mapping[str, Words] = {"en": ENGLISH, "ja": JAPANESE}

#: The same for what is wrong across days.
NOTICE_WORDS: Mapping[str, NoticeWords] = {"en": NOTICES_ENGLISH, "ja": NOTICES_JAPANESE}

"""What alerts say: one table of sentences a language."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.alerts.words.advice_japanese import ADVICE_JAPANESE, UNEXPECTED_JAPANESE
from tasks.alerts.words.english import ENGLISH
from tasks.alerts.words.forms import NoticeWords, Words
from tasks.alerts.words.japanese import JAPANESE
from tasks.alerts.words.notices_english import NOTICES_ENGLISH
from tasks.alerts.words.notices_japanese import NOTICES_JAPANESE
from tasks.base.advice import ADVICE, UNEXPECTED, Advice

__all__ = ["ADVICE_WORDS", "NOTICE_WORDS", "WORDS", "NoticeWords", "Words"]

#: By the setting LANGUAGE.
WORDS: Mapping[str, Words] = {"en": ENGLISH, "ja": JAPANESE}

#: The same for what is wrong across days.
NOTICE_WORDS: Mapping[str, NoticeWords] = {"en": NOTICES_ENGLISH, "ja": NOTICES_JAPANESE}

#: What to do about an error, by its name; an unexpected one is `""`.
ADVICE_WORDS: Mapping[str, Mapping[str, Advice]] = {
    "en": {**ADVICE, "": UNEXPECTED},
    "ja": {**ADVICE_JAPANESE, "": UNEXPECTED_JAPANESE},
}

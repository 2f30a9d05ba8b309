"""Words from outside as one line of visible text: pages, logs and terminals would obey what they do not show."""

from __future__ import annotations

import re
import unicodedata


def inert(value: object) -> str:
    """A value as one line of visible text: controls become spaces; bidi, zero-width, lone surrogates and what is no
    character, or a private one, go."""
    text = str(value)
    return " ".join((text if text.isascii() and text.isprintable() else "".join(map(_shown, text))).split())


def visible(text: str) -> str:
    """Lines as a terminal may get them: as `inert` has it, but lines stay lines, and spaces align as they did."""
    return "".join(char if char == "\n" else _shown(char) for char in text)


def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category[0] == "C" else char


#: What Markdown and HTML read as more than a letter; the last two make links of bare addresses.
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>()#|!~&@]|:(?=/)|(?<=\bwww)\.", re.IGNORECASE)


def literal(text: object) -> str:
    """A value as one line of Markdown that shows it letter by letter: no link, image, tag or heading comes of it."""
    return _MARKDOWN.sub(r"\\\g<0>", inert(text))


def code(text: object) -> str:
    """A value as code in one line of Markdown; a back quote in it is shown as another mark."""
    return f"`{inert(text).replace('`', 'ˋ')}`"


#: A backslash before what `literal` escapes.
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]<>()#|!~&@:.])")


def unmarked(markdown: str) -> str:
    """Markdown of ours for a terminal: without its marks, and what `literal` escaped as it was."""
    return visible(_ESCAPED.sub(r"\1", re.sub(r"(?<!\\)(\*\*|`)", "", markdown)))


def brief(value: object, most: int = 80) -> str:
    """`inert`, cut to a length that a table bears."""
    text = inert(value)
    return text if len(text) <= most else text[: most - 1] + "…"


#: Longest id that an alert repeats.
MAX_ID_CHARS = 64


#: Signs that make a mention, a link, a tag or a veil of a word in chat and mail, and what stands for them.
_HARMLESS = str.maketrans("<>@`*[]|~", "‹›＠'·［］¦～")


#: What chat and mail make a link of by themselves, with its host; S3's URIs are none to them.
_LINK = re.compile(r"(?<!\bs3)://[^\s/]*|\bwww\.[^\s/]*", re.IGNORECASE)


#: A dot that may stand before the last part of a host's name.
_HOST_DOT = re.compile(r"\.(?=[^\W\d_])")


def safe_id(text: str) -> str:
    """An id as any channel can show it: letters, digits and a few signs, never a mention, a link or hidden marks."""
    kept = "".join(sign if sign.isalnum() or sign in "-_.=+#" else "?" for sign in text[: MAX_ID_CHARS + 1])
    kept = _HOST_DOT.sub("?", kept)
    return kept if len(kept) <= MAX_ID_CHARS else kept[: MAX_ID_CHARS - 1] + "…"


def safe_text(text: str, most: int) -> str:
    """A line of words of at most `most` characters, without control or bidirectional characters, mentions or markup."""
    plain = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text[: 4 * most])
    folded = _LINK.sub(_unlinked, " ".join(plain.split())).translate(_HARMLESS)
    return folded if len(folded) <= most else folded[: most - 1] + "…"


def _unlinked(found: re.Match[str]) -> str:
    return found[0].replace(":", "：").replace(".", "．")

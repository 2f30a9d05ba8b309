"""What a model need not see: telephone numbers, mail and postal addresses and card numbers become typed placeholders.

A placeholder says what stood there, so that a comment which gives away a neighbour's number is still judged as one. In
doubt the text stays: a price list that is masked would be judged wrongly, and nobody would see why. How often this hits
and misses: docs/masking.md.

Everything is looked for in a copy of the text whose full-width letters and many dashes are folded, sign for sign, so
that a place in the copy is the same place in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import polars as pl

from tasks.llm.quotes import quotes
from tasks.llm.request_line import comment_json

#: Names the rules below in plans, the ledger and lake/experiments: whoever changes what is masked changes it.
MASKING = "1"


class Kind(StrEnum):
    """What is masked; the name is what the placeholder says."""

    EMAIL = "EMAIL"
    CARD = "CARD"
    PHONE = "PHONE"
    ADDRESS = "ADDRESS"

    @property
    def placeholder(self) -> str:
        """What stands in its place."""
        return f"[{self}]"


class Found(NamedTuple):
    """A place in a text, its end excluded."""

    start: int
    end: int
    kind: Kind


_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−ーｰ－﹣"), "-")
_FOLDED = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0x3000: " "} | _DASHES
#: Placeholders as one sign each, which no comment has.
_ONE_SIGN = {kind.placeholder: chr(0xE000 + place) for place, kind in enumerate(Kind)}
#: Without one of these signs there is nothing to mask: most comments are not looked at any further.
_MAY_HOLD = re.compile(r"[0-9０-９@＠]|[\[({（［｛]\s?at\s?[\])}）］｝]|丁目|番地", re.IGNORECASE)

_EMAIL = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}(?:@|\s?[\[({]\s?at\s?[\])}]\s?)"
    r"(?:[A-Za-z0-9-]{1,63}(?:\.|\s?[\[({]\s?dot\s?[\])}]\s?)){1,5}[A-Za-z]{2,24}(?![A-Za-z])",
    re.IGNORECASE,
)

#: Sixteen digits in fours, Amex, Diners, or a run; the issuer's first digits and Luhn's sum decide.
_CARD = re.compile(
    r"(?<![\d.,])(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d{2}([ -]?)\d{6}\2\d{5}|3[068]\d{2}([ -]?)\d{6}\3\d{4}"
    r"|\d{13}|\d{19})(?![\d.,]?\d)"
)
#: ISO/IEC 7812 ranges of Visa, Mastercard, Amex, Diners, JCB, Discover and UnionPay.
_ISSUER = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12}|62\d{14}(?:\d{3})?"
)

_DIGIT = re.compile(r"[0-9]")
#: Between the groups of a Japanese number: a dash, a dot, a space or brackets around the middle group.
_GAP = r"[ ]?[-.()/ ][ ]?"
_PHONE = re.compile(
    r"(?<![\d+])(?<!\d[-.])(?:"
    # +81, 0081 or 010-81, with or without the 0 of the area.
    rf"(?:\+|00|010[- ]?)81[- ]?(?:\(0\)|0)?[- ]?(?:[5-9]0(?:{_GAP})?\d{{4}}(?:{_GAP})?\d{{4}}"
    rf"|\d{{1,4}}(?:{_GAP})?\d{{1,4}}(?:{_GAP})?\d{{4}})"
    # Mobile and IP, toll-free and shared-cost numbers.
    rf"|\(?0[25-9]0\)?(?:{_GAP})?\d{{4}}(?:{_GAP})?\d{{4}}"
    rf"|\(?0(?:120|570|990)\)?(?:{_GAP})?\d{{3}}(?:{_GAP})?\d{{3}}|\(?0(?:120|800)\)?(?:{_GAP})?\d{{2,3}}(?:{_GAP})?\d{{4}}"
    # Ten digits of a fixed line: the area has one to four digits after its 0.
    rf"|\(?0[1-9]\)?{_GAP}\d{{4}}{_GAP}\d{{4}}|\(?0[1-9]\d\)?{_GAP}\d{{3}}{_GAP}\d{{4}}"
    rf"|\(?0[1-9]\d\d\)?{_GAP}\d{{2}}{_GAP}\d{{4}}|\(?0[1-9]\d{{3}}\)?{_GAP}\d{_GAP}\d{{4}}|0[1-9]\d{{8}}"
    # North America: (415) 555-2671, 415-555-2671, 1-415-555-2671.
    r"|(?:\+?1[-. ])?(?:\([2-9]\d\d\)[-. ]?|[2-9]\d\d[-.])[2-9]\d\d[-.]\d{4}|[2-9]\d\d [2-9]\d\d \d{4}"
    # Any other country, by its plus sign.
    r"|\+[1-9](?:[-. ()]{0,2}\d){8,13}"
    r")(?![-.]?\d)"
)

_PREFECTURE = (
    "北海道|青森県|岩手県|宮城県|秋田県|山形県|福島県|茨城県|栃木県|群馬県|埼玉県|千葉県|東京都|神奈川県|新潟県|富山県|石川県|"
    "福井県|山梨県|長野県|岐阜県|静岡県|愛知県|三重県|滋賀県|京都府|大阪府|兵庫県|奈良県|和歌山県|鳥取県|島根県|岡山県|広島県|"
    "山口県|徳島県|香川県|愛媛県|高知県|福岡県|佐賀県|長崎県|熊本県|大分県|宮崎県|鹿児島県|沖縄県"
)
_LETTER = r"\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff-"
_NUMBER = r"(?:\d{1,4}|[一二三四五六七八九十百〇]{1,5})"
#: A block and a house: one number alone, as in 渋谷1丁目, is a quarter and nobody's address.
_HOUSE = (
    rf"(?:{_NUMBER}丁目 ?{_NUMBER}(?:番地?|-)?(?: ?の?{_NUMBER}(?:号|-\d{{1,4}})?)?|{_NUMBER}番地(?:の?{_NUMBER})?"
    rf"|{_NUMBER}番{_NUMBER}号?|\d{{1,4}}-\d{{1,4}}(?:-\d{{1,4}}){{0,2}})(?:号室?)?"
    r"(?![\d人名個回日月年時分円点本枚歳才割倍割%-])(?: ?[^\s\d、。,!?]{1,20} ?\d{1,4}号室)?"
)
_ADDRESS_JA = re.compile(
    rf"(?:〒? ?\d{{3}}-?\d{{4}}[ \n]{{0,2}})?(?:(?:{_PREFECTURE}) ?(?:[{_LETTER}]{{1,6}}郡)?)?"
    rf"(?:[{_LETTER}]{{1,7}}?[市区町村] ?){{1,2}}(?:[{_LETTER}]{{0,16}}?(?<![でにはがをもと]) ?){_HOUSE}"
    r"|〒 ?\d{3}-?\d{4}(?!\d)"
)
#: Signs of a house in either language: without one the slow patterns are not tried.
_HOUSE_JA = re.compile(r"〒|丁目|番地|[0-9一二三四五六七八九十百〇]番[0-9一二三四五六七八九十百〇]|[0-9]-[0-9]")
_HOUSE_EN = re.compile(r"[0-9][A-Za-z]{0,2},? [A-Z0-9]|Box [0-9]|[A-Z]{2} [0-9]{5}")
_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Highway|Hwy"
    r"|Parkway|Pkwy|Circle|Crescent|Way)\b\.?"
)
_ADDRESS_EN = re.compile(
    r"(?<![\d$£€.,:/-])\d{1,5}[A-Z]?,? (?:[NSEW]\.? |North |South |East |West )?"
    rf"(?:(?:[A-Z][A-Za-z'.]{{1,20}} ){{1,3}}|\d{{1,3}}(?:st|nd|rd|th) ){_STREET}"
    r"(?:,? ?(?:Apt|Apartment|Suite|Ste|Unit|Flat|#)\.? ?#?\w{1,6})?"
    r"(?:,? [A-Z][a-z]{1,20}(?: [A-Z][a-z]{1,20}){0,2},? [A-Z]{2},? \d{5}(?:-\d{4})?)?"
    r"|\bP\.? ?O\.? Box \d{1,6}\b|\b[A-Z][a-z]{2,20}(?: [A-Z][a-z]{2,20}){0,2}, [A-Z]{2} \d{5}(?:-\d{4})?(?!\d)"
)


def mask(text: str) -> str:
    """The text with a placeholder in each place that `find_private` names; the same text where there is none."""
    pieces, last = [], 0
    for found in find_private(text):
        pieces += [text[last : found.start], found.kind.placeholder]
        last = found.end
    return "".join([*pieces, text[last:]]) if pieces else text


def find_private(text: str) -> list[Found]:
    """What would be masked, in order and apart from each other; of two that overlap the first kind counts."""
    if _MAY_HOLD.search(text) is None:
        return []
    folded = text.translate(_FOLDED)
    taken: list[Found] = []
    for found in _candidates(folded):
        if all(found.end <= other.start or found.start >= other.end for other in taken):
            taken.append(found)
    return sorted(taken)


def _candidates(folded: str) -> Iterator[Found]:
    """Every place of a folded text that a pattern fits; one whose signs are not there is not tried."""
    digit_count = len(_DIGIT.findall(folded))
    for match in _EMAIL.finditer(folded):
        yield Found(*match.span(), Kind.EMAIL)
    for match in _CARD.finditer(folded) if digit_count >= 13 else ():
        digits = "".join(filter(str.isdigit, match[0]))
        if _ISSUER.fullmatch(digits) and _luhn(digits):
            yield Found(*match.span(), Kind.CARD)
    for match in _ADDRESS_JA.finditer(folded) if _HOUSE_JA.search(folded) else ():
        yield Found(*match.span(), Kind.ADDRESS)
    for match in _ADDRESS_EN.finditer(folded) if _HOUSE_EN.search(folded) else ():
        yield Found(*match.span(), Kind.ADDRESS)
    for match in _PHONE.finditer(folded) if digit_count >= 8 else ():
        yield Found(*match.span(), Kind.PHONE)


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1, annex B."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0 and len(set(digits)) > 1


def masked(column: str = "text") -> pl.Expr:
    """A column of texts, masked; null stays null."""
    return (
        pl.col(column)
        .map_batches(
            lambda texts: pl.Series(texts.name, [text and mask(text) for text in texts], pl.String),
            pl.String,
            is_elementwise=True,
        )
        .alias(column)
    )


def masked_records(records: pl.LazyFrame) -> pl.LazyFrame:
    """Records as the model is asked about them; their other columns stay, the hash of the comment's own text too.

    Columns: text, text_bytes and any others -> the same.
    """

    def sizes(texts: pl.Series) -> pl.Series:
        return pl.Series("text_bytes", [len(comment_json(text)) for text in texts], pl.Int64)

    size = pl.col("text").map_batches(sizes, pl.Int64, is_elementwise=True).alias("text_bytes")
    return records.with_columns(masked()).with_columns(size)


def quotes_masked(explanation: str, seen: str) -> bool:
    """Whether an explanation quotes a masked comment; to name placeholders, even several in a row, is no quotation."""
    return quotes(_without_placeholders(explanation), _without_placeholders(seen))


def _without_placeholders(text: str) -> str:
    for placeholder, sign in _ONE_SIGN.items():
        text = text.replace(placeholder, sign)
    return text

"""How many tokens a text has: one deterministic approximation for usage, CountTokens and truncation alike.

About four ASCII characters a token, and about 1.1 tokens a Japanese or Chinese character (three bytes of UTF-8
each); other scripts fall between by their bytes. Real tokenizers differ by model and are not public.
"""

import math
from functools import lru_cache

_ASCII_PER_TOKEN = 4
_TOKENS_PER_BYTE = 1.1 / 3


def count_tokens(text: str) -> int:
    """The tokens of a text; 0 only for the empty one."""
    size = len(text)
    if text.isascii():
        return math.ceil(size / _ASCII_PER_TOKEN)
    data = text.encode("utf-8", "surrogatepass")
    ascii_count = len(text.encode("ascii", "ignore"))
    return math.ceil(ascii_count / _ASCII_PER_TOKEN + (len(data) - ascii_count) * _TOKENS_PER_BYTE)


@lru_cache(maxsize=256)
def count_repeated(text: str) -> int:
    """``count_tokens`` for a text that comes with every record, like the system prompt."""
    return count_tokens(text)


def cut_to_tokens(text: str, limit: int) -> str:
    """The longest prefix of at most ``limit`` tokens."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return text[:low]

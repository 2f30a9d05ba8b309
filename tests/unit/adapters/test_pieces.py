"""An object that comes in pieces, line by line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.adapters.stores.pieces import lines_of


@given(st.text("ab\n", max_size=30).map(str.encode), st.integers(1, 12))
def test_lines_do_not_depend_on_the_pieces(body: bytes, size: int) -> None:
    """Wherever the cuts fall, the lines are those of the whole; the last one needs no line end."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    lines = body.split(b"\n")
    assert list(lines_of(pieces)) == (lines if lines[-1] else lines[:-1])

"""An object piece by piece, in order, while the next piece is under way: nothing is copied to the disk first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tasks.adapters.stores.ranged_object import Part

#: Bytes of a piece: two are held, and a second's wait for S3's first byte is spread over all of them.
PIECE_BYTES = 32 << 20


def read_pieces(get: Callable[[str], Part]) -> Iterator[bytes]:
    """The object's bytes, each piece asked for while the one before it is in use.

    Args:
        get: gives a range, in the form of HTTP's `Range`, of an object that is pinned by the first call.
    """
    piece_bytes = PIECE_BYTES
    first = get(f"bytes=0-{piece_bytes - 1}")
    starts = range(len(first.body), first.size_bytes, piece_bytes)
    if not starts:
        yield first.body
        return
    with ThreadPoolExecutor(1) as ahead:
        body = first.body
        for start in starts:
            coming = ahead.submit(get, f"bytes={start}-{min(start + piece_bytes, first.size_bytes) - 1}")
            yield body
            del body  # not held beside the two that are needed
            body = coming.result().body
        yield body


def lines_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of an object that comes in pieces, without their line ends; the last one need not have one."""
    begun: list[bytes] = []
    for piece in pieces:
        first, *more = piece.split(b"\n")
        begun.append(first)
        if more:
            yield b"".join(begun)
            yield from more[:-1]
            begun = [more[-1]]
    if last := b"".join(begun):
        yield last

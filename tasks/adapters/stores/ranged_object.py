"""An object as a file that is read by ranges, each of them one call: a Parquet footer without the rest."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: Bytes of the end that are read as the object is opened: most footers are smaller.
_TAIL_BYTES = 1 << 16


class Part(NamedTuple):
    """A range of an object, and how large the whole is."""

    body: bytes
    size_bytes: int


class RangedObject(io.RawIOBase):
    """What a range is asked with is HTTP's `Range`; opening it asks for the end, which says the size.

    Args:
        get: gives a range of an object that is pinned, or raises what there is to raise about it.
    """

    def __init__(self, get: Callable[[str], Part]) -> None:
        super().__init__()
        self._get = get
        self._tail, self._size_bytes = get(f"bytes=-{_TAIL_BYTES}")
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See io.IOBase."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """See io.RawIOBase."""
        view = memoryview(buffer).cast("B")
        count = max(min(len(view), self._size_bytes - self._position), 0)
        in_tail = self._position - (self._size_bytes - len(self._tail))
        if not count:
            data = b""
        elif in_tail >= 0:
            data = self._tail[in_tail : in_tail + count]
        else:
            data = self._get(f"bytes={self._position}-{self._position + count - 1}").body
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

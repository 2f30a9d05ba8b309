"""A panic of a Rust library, told as an error of ours.

polars, deltalake and others panic where they meet what their authors held for impossible. In Python that is a
`PanicException`: no `Exception`, so that it passes every `except Exception` on its way, and with it the alert, the
record of the stop and the line that says why. Each library has a class of its own under that name.
Source: https://pyo3.rs, "panic::PanicException".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from tasks.base.errors import LibraryPanicked

#: Longest message of a panic that is told, in characters.
_MAX_CHARS = 300
#: Rust quotes the whole string that was cut in the wrong place, which may be a comment.
_QUOTED_STRING = re.compile(r"\b(of|slicing) `.*", re.DOTALL)
_OURS = {"flows", "tasks", "data_contracts", "prompts", "contextlib", "concurrent", "threading"}


def is_panic(error: BaseException) -> bool:
    """Whether it is a panic: the class has the same name in every library, and no common base."""
    return type(error).__name__ == "PanicException" and not isinstance(error, Exception)


@contextmanager
def panics_told(doing: str = "") -> Iterator[None]:
    """Around what calls such a library, and as a decorator: a panic becomes an error like any other.

    Args:
        doing: where that is, as "in validate" or "reading FILE", with file and column where they are known.

    Raises:
        LibraryPanicked: in the panic's place.
    """
    try:
        yield
    except BaseException as error:
        if not is_panic(error):
            raise
        raise as_error(error, doing) from None


def as_error(panic: BaseException, doing: str = "") -> LibraryPanicked:
    """The error that tells of a panic."""
    words = _QUOTED_STRING.sub(r"\1 a string", str(panic)).strip().partition("\n")[0][:_MAX_CHARS] or "no message"
    where = f" {doing}" if doing else ""
    return LibraryPanicked(f"{_library(panic.__traceback__)} panicked{where}: {words}")


def _library(traceback: TracebackType | None) -> str:
    """Whose code was called last."""
    library = ""
    while traceback is not None:
        package = str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        library = library if package in _OURS else package
        traceback = traceback.tb_next
    return library if library.isidentifier() and library != "__main__" else "a library"

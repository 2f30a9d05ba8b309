"""Which objects of a day's folder are read, of the comments and of the labels alike; decided here alone.

Read are `*.parquet` in any case, objects without a suffix that begin and end as Parquet does (Athena writes such), and
the same in subfolders of the form `key=value`. Names that begin with `_` or `.` are hidden, as for every Hadoop reader:
writers leave their markers and their half-written files under such names. Whatever else is there is not read, and
somebody is told: a part of a day is never left out in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from enum import Enum, auto
from typing import NamedTuple

from tasks.adapters.storage import Storage, StorageRefused, StoredObject
from tasks.base.errors import InputChanged

_MAGIC = b"PAR1"
#: The magic at both ends and a footer's length.
_LEAST_BYTES = 2 * len(_MAGIC) + 4
#: Objects whose ends are looked at together.
_READERS = 8
#: Names that are told of what is not read.
_MAX_NAMES = 5


class InputFiles(NamedTuple):
    """What a day's folder holds, each in order of key.

    Attributes:
        read: the day's input.
        unread: visible objects that are not read.
        hidden: objects that nobody asks for.
        is_marked: whether the object is there that says that the input is complete.
    """

    read: tuple[StoredObject, ...]
    unread: tuple[StoredObject, ...] = ()
    hidden: tuple[StoredObject, ...] = ()
    is_marked: bool = False


class _Kind(Enum):
    PARQUET = auto()
    #: what it is stands in the object, not in its name
    UNNAMED = auto()
    HIDDEN = auto()
    OTHER = auto()


def find_inputs(
    storage: Storage, folder: str, marker: str | None = None, known: Set[tuple[str, str]] = frozenset()
) -> InputFiles:
    """List a day's folder and say what of it is read.

    Args:
        storage: where it is.
        folder: the day's.
        marker: name of the object that says that the input is complete, if there is one: nobody misses it.
        known: URI and etag of objects that were found to be Parquet before: they are not looked at again.
    """
    return sort_out(storage.list(folder), folder, lambda item: is_parquet(storage, item, known), marker)


def sort_out(
    listed: Sequence[StoredObject],
    folder: str,
    is_parquet: Callable[[StoredObject], bool | None],
    marker: str | None = None,
) -> InputFiles:
    """What of a listing is read.

    Args:
        listed: everything below the folder.
        folder: the day's.
        is_parquet: asked of objects without a suffix; None if the object is gone by now.
        marker: as for `find_inputs`.
    """
    others = [item for item in listed if marker is None or item.uri != f"{folder}/{marker}"]
    kinds = [(item, _kind(name_in(item.uri, folder), item.size_bytes)) for item in others]
    unnamed = [item for item, kind in kinds if kind is _Kind.UNNAMED]
    looked: dict[str, bool | None] = {}
    if unnamed:
        with ThreadPoolExecutor(_READERS) as readers:
            looked = dict(zip((item.uri for item in unnamed), readers.map(is_parquet, unnamed), strict=True))
    return InputFiles(
        tuple(item for item, kind in kinds if kind is _Kind.PARQUET or looked.get(item.uri) is True),
        tuple(item for item, kind in kinds if kind is _Kind.OTHER or looked.get(item.uri) is False),
        tuple(item for item, kind in kinds if kind is _Kind.HIDDEN),
        is_marked=len(others) < len(listed),
    )


def name_in(uri: str, folder: str) -> str:
    """An object's name below a day's folder."""
    return uri.removeprefix(f"{folder}/")


def name_of(uri: str, folder: str, run_date: date) -> str:
    """The same, of an object that may lie in a copy of the folder elsewhere."""
    if uri.startswith(f"{folder}/"):
        return name_in(uri, folder)
    return uri.partition(f"/date={run_date}/")[2] or uri.rsplit("/", 1)[-1]


def describe_unread(files: InputFiles, folder: str) -> tuple[str, ...]:
    """What is not read of a folder, in a line each for visible and for hidden objects; none if that is nothing.

    Of hidden objects those are told that would be read by another name: markers and checksums are nobody's input, but a
    file that its writer did not finish may be a part of the day.
    """
    rule = "read are *.parquet, Parquet without a suffix, and both in subfolders key=value"
    hidden = [item for item in files.hidden if item.size_bytes and item.uri.lower().endswith(".parquet")]
    lines = []
    if files.unread:
        lines.append(
            f"{len(files.unread)} objects in {folder}/ are not read: {some_names(files.unread, folder)} ({rule})"
        )
    if hidden:
        lines.append(
            f"{len(hidden)} objects in {folder}/ are hidden by a name that begins with _ or a dot, and not read: "
            f"{some_names(hidden, folder)}"
        )
    return tuple(lines)


def some_names(objects: Sequence[StoredObject], folder: str) -> str:
    """The first of their names below the folder."""
    names = [name_in(item.uri, folder) for item in objects[:_MAX_NAMES]]
    return ", ".join([*names, *(["…"] if len(objects) > len(names) else [])])


def may_be_parquet(uri: str) -> bool:
    """Whether an object's own name lets it be Parquet, wherever it lies and whether or not it is hidden."""
    base = uri.rsplit("/", 1)[-1]
    return base.lower().endswith(".parquet") or "." not in base


def _kind(name: str, size_bytes: int) -> _Kind:
    *folders, base = name.split("/")
    is_marker = not size_bytes and (not base or base.endswith("_$folder$"))  # consoles and Hadoop make such of folders
    if is_marker or any(part.startswith(("_", ".")) for part in (*folders, base)):
        return _Kind.HIDDEN
    if not all(part.partition("=")[0] and "=" in part for part in folders):
        return _Kind.OTHER
    if base.lower().endswith(".parquet"):
        return _Kind.PARQUET
    return _Kind.OTHER if "." in base or not base else _Kind.UNNAMED


def is_parquet(storage: Storage, item: StoredObject, known: Set[tuple[str, str]]) -> bool | None:
    """Whether an object without a suffix begins and ends as Parquet; None if it is gone by now."""
    if item.size_bytes < _LEAST_BYTES:
        return False
    if (item.uri, item.etag) in known:
        return True
    try:
        return storage.ends(item.uri, len(_MAGIC)) == (_MAGIC, _MAGIC)
    except InputChanged:
        return None
    except StorageRefused:  # archived, or not for us: whoever reads it as input is told why
        return True

"""Versions of a set as they are stored: read whole, since a set is some thousand comments."""

from __future__ import annotations

import re
from io import BytesIO

import polars as pl
import pyarrow.parquet as pq

from data_contracts.tables.evaluation_sets import EVALUATION_SETS
from tasks.adapters.storage import Storage
from tasks.base.errors import WrongUsage
from tasks.base.paths import EvaluationPaths

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,34}[a-z0-9])?")
_NIGHT = re.compile(r"night-\d{4}-\d{2}-\d{2}")
_VERSION = re.compile(r"v([1-9][0-9]*)\.parquet")


def check_name(name: str) -> str:
    """A set's name, which becomes part of keys and of jobs' names.

    Raises:
        WrongUsage: if it is not 1 to 36 lower letters, digits and hyphens, or is kept for nights.
    """
    if not _NAME.fullmatch(name):
        raise WrongUsage("a set's name is 1 to 36 lower letters, digits and hyphens, with no hyphen at either end")
    if _NIGHT.fullmatch(name):
        raise WrongUsage(f"{name} is what disagreements on a night are kept under: give the set another name")
    return name


def versions_of(storage: Storage, paths: EvaluationPaths) -> list[int]:
    """The numbers of the versions that are there, in order."""
    names = (item.uri.rsplit("/", 1)[-1] for item in storage.list(paths.versions))
    return sorted(int(match[1]) for name in names if (match := _VERSION.fullmatch(name)))


def read_version(storage: Storage, paths: EvaluationPaths, number: int | None = None) -> tuple[int, pl.DataFrame]:
    """A version of the set and its number; without one the newest.

    Raises:
        WrongUsage: if there is no such version, naming those that are.
    """
    present = versions_of(storage, paths)
    wanted = number if number is not None else max(present, default=None)
    if wanted is None or wanted not in present:
        known = ", ".join(f"v{each}" for each in present) or "none"
        raise WrongUsage(f"there is no set {paths.set_name}{f' v{number}' if number else ''}; it has {known}")
    body = storage.get(paths.version(wanted))
    return wanted, pl.read_parquet(BytesIO(body or b""), hive_partitioning=False).select(EVALUATION_SETS.names)


def write_version(storage: Storage, paths: EvaluationPaths, number: int, items: pl.DataFrame) -> bool:
    """Put a new version; False if somebody else has put one under this number."""
    return storage.put_if_absent(paths.version(number), _body(items))


def write_again(storage: Storage, paths: EvaluationPaths, number: int, items: pl.DataFrame) -> None:
    """Put a version in its own place: only an erasure may, and of a text it may only leave nothing."""
    storage.put(paths.version(number), _body(items))


def _body(items: pl.DataFrame) -> bytes:
    body = BytesIO()
    frame = EVALUATION_SETS.conform(items.lazy()).collect()
    pq.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(EVALUATION_SETS.arrow_schema), body)
    return body.getvalue()

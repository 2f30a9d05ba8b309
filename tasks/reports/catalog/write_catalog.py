"""`python -m flows catalog`: writes what is asked for, and says in a few lines what it wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from tasks import adapters
from tasks.adapters.lake import Lake
from tasks.base.errors import WrongUsage
from tasks.base.settings import Settings
from tasks.reports.catalog.athena import FIRST_DAY, Roots, athena_files
from tasks.reports.catalog.contract import today
from tasks.reports.catalog.document import tables_document
from tasks.reports.catalog.duckdb_views import (
    Source,
    Written,
    delta_source,
    files_source,
    input_source,
    script,
    write_copy,
    write_views,
)
from tasks.reports.catalog.publications import INPUTS, PUBLISHED

_CONTRACT = re.compile(r"v(\d+\.\d+\.\d+)\.json")


class Places(NamedTuple):
    """Where the tables are: what the call says, and else the settings.

    Attributes:
        output: root of the published tables, or a folder that holds a copy of it.
        comments: root of the comments; None leaves them out.
        labels: root of the labels; None leaves them out.
        settings: the settings, where they were needed.
    """

    output: str
    comments: str | None
    labels: str | None
    settings: Settings | None

    @classmethod
    def of(cls, output: str | None, comments: str | None, labels: str | None) -> Places:
        """The places; without `output` they are this deployment's own.

        Raises:
            SettingsInvalid: if the settings are needed and wrong.
        """
        if output is not None:
            return cls(_root(output), comments and _root(comments), labels and _root(labels), None)
        settings = Settings.load()
        return cls(settings.output_uri, comments or settings.comments_uri, labels or settings.labels_uri, settings)

    @property
    def is_in_s3(self) -> bool:
        """Whether the published tables are in S3."""
        return self.output.startswith("s3://")


def write_docs(path: Path) -> str:
    """Write docs/tables.md."""
    return _put(path, tables_document())


def write_athena(folder: Path, places: Places, database: str, first_day: date | None) -> str:
    """Write the statements and Glue's inputs into a folder.

    Raises:
        WrongUsage: if a root is not in S3.
    """
    if not (places.is_in_s3 and places.comments and places.labels):
        raise WrongUsage("--athena needs roots in S3: set them, or say --from, --comments and --labels as s3:// URIs")
    roots = Roots(places.output, places.comments, places.labels, database, first_day or FIRST_DAY)
    files = athena_files(roots)
    for name, text in files.items():
        _put(folder / name, text)
    return f"{len(files)} files in {folder}"


def write_duckdb(path: Path, places: Places, *, copy: bool) -> str:
    """Write the DuckDB file, or with a name that ends in .sql what would make it.

    Raises:
        WrongUsage: if DuckDB is not installed, or cannot read the tables.
    """
    if path.suffix == ".sql":
        return _put(path, script(list(_sources(places))))
    try:
        import duckdb  # noqa: F401  only this command takes it
    except ModuleNotFoundError:
        raise WrongUsage("DuckDB is not installed here: pip install duckdb, or name a file that ends in .sql") from None
    if copy:
        lake = _lake(places)
        written = write_copy(
            path, [(item.table, lake.scan(f"{places.output}/lake/{item.table.name}", item.table)) for item in PUBLISHED]
        )
    else:
        written = write_views(path, list(_sources(places)))
    return _told(path, written)


def write_contract(path: Path) -> str:
    """Write today's schemas as what a release promises.

    Raises:
        WrongUsage: if the name does not say the version, or the release has its contract already.
    """
    match = _CONTRACT.fullmatch(path.name)
    if match is None:
        raise WrongUsage(f"{path.name} does not say the version; call it v1.2.3.json")
    if path.exists():
        raise WrongUsage(f"{path} is there already, and what was promised does not change")
    return _put(path, json.dumps(today(match[1]), indent=1) + "\n")


def _sources(places: Places) -> Iterator[Source]:
    for item in PUBLISHED:
        uri = f"{places.output}/lake/{item.table.name}"
        if places.is_in_s3:
            yield delta_source(item.table, uri)
        else:
            files, columns = _lake(places).files(uri)
            yield files_source(item.table, files, frozenset(columns))
    roots: dict[str, str | None] = {"comments": places.comments, "labels": places.labels}
    yield from (input_source(table, root) for table in INPUTS if (root := roots[table.name]))


def _lake(places: Places) -> Lake:
    if places.is_in_s3:
        if places.settings is None:
            raise WrongUsage("--copy reads S3 with the deployment's settings: leave --from away")
        return adapters.connect(places.settings).lake
    if not Path(places.output, "lake").is_dir():
        raise WrongUsage(f"{places.output} has no folder lake: --from takes the output root, or a copy of it")
    return adapters.local_lake()


def _root(text: str) -> str:
    return text.rstrip("/") if text.startswith("s3://") else str(Path(text).absolute())


def _put(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return f"{path}"


def _told(path: Path, written: Written) -> str:
    left_out = "".join(f"\nleft out: {each}" for each in written.left_out)
    return f"{path}: {', '.join(written.names)}{left_out}"

"""What a root may be called: every library that meets its URI must take it for the same key.

boto3 takes a key as it stands. Delta Lake reads the URI of a table as a URL, and polars takes each `key=value`
folder on a file's way for a column. So OUTPUT_URI, below which the tables lie, may hold less than the roots of the
input. Bedrock's own rule for BATCH_URI is the narrowest.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from data_contracts import tables

#: S3's own, legacy names included; an access point's alias is one, its ARN is not.
_BUCKET = re.compile(r"[A-Za-z0-9._-]")
#: What stands in a URL's path as it stands in the key, and is no pattern to those who read the tables.
_OUTPUT = re.compile(r"[A-Za-z0-9!$&'()+,\-./:;=@_~]")
#: Of Bedrock's own pattern for an S3 URI. Source: botocore service model, bedrock, S3Uri.
_BATCH = re.compile(r"[-!_*'().a-z0-9A-Z/]")
_BATCH_BUCKET = re.compile(r"[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]")
#: Control and format characters, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})


def check_root(uri: str) -> str:
    """The root without its final slashes, so that no key holds two, if it is one that S3 and boto3 take.

    Raises:
        ValueError: naming what is wrong.
    """
    if not re.match(r"s3://[^/]|/", uri):
        raise ValueError("must be an s3://bucket/prefix URI or an absolute path")
    invisible = next((each for each in uri if unicodedata.category(each) in _INVISIBLE), None)
    if invisible is not None:
        raise ValueError(f"{_shown(invisible)} cannot stand there: nobody sees it")
    if uri.startswith("s3://"):
        bucket, _, path = uri.removeprefix("s3://").partition("/")
        if (wrong := _first_other(bucket, _BUCKET)) is not None:
            raise ValueError(f"{_shown(wrong)} cannot stand in a bucket's name")
        if {".", ".."} & set(path.split("/")):
            raise ValueError("'./' and '../' cannot stand there: a URL drops them, and a key does not")
    return uri.rstrip("/")


def check_output_root(uri: str) -> str:
    """The root, if the tables below it can be written and read.

    Raises:
        ValueError: naming the character or the folder that a library would take for something else.
    """
    path = uri.removeprefix("s3://")
    if (wrong := _first_other(path, _OUTPUT)) is not None:
        raise ValueError(
            f"{_shown(wrong)} cannot stand there: the libraries that read and write the tables would look for other "
            "keys; letters without accents, digits and !$&'()+,-.:;=@_~ can"
        )
    for folder in path.removeprefix("/").split("/"):
        if folder in ("", ".", ".."):
            shown = f"{folder}/" if folder else "//"
            raise ValueError(f"'{shown}' cannot stand there: a URL drops it, and a key does not")
        if "=" in folder:
            _check_partition(folder)
    return uri


def check_batch_root(uri: str) -> str:
    """The root, if Bedrock takes it; a path on this machine never comes to Bedrock.

    Raises:
        ValueError: naming the character.
    """
    if not uri.startswith("s3://"):
        return uri
    path = uri.removeprefix("s3://")
    if (wrong := _first_other(path, _BATCH)) is not None:
        raise ValueError(
            f"{_shown(wrong)} cannot stand there: Bedrock accepts only letters without accents, digits and -!_*'(). "
            "between slashes (no '=', no spaces)"
        )
    bucket, *folders = path.split("/")
    if not _BATCH_BUCKET.fullmatch(bucket) or "" in folders:
        raise ValueError("Bedrock accepts only a bucket's name in lower case, and no '//'")
    return uri


def partition_keys(uri: str) -> list[str]:
    """The keys of a URI's `key=value` folders, which polars takes for columns of the files below them."""
    folders = uri.removeprefix("s3://").split("/")
    return [folder.partition("=")[0] for folder in folders if folder.count("=") == 1]


def _check_partition(folder: str) -> None:
    key, _, value = folder.partition("=")
    if not key or not value or "=" in value:
        raise ValueError(f"the folder '{folder}' must be key=value: one '=', and something on either side of it")
    if key in _table_columns():
        raise ValueError(
            f"the folder '{folder}' has the name of a column of the tables, and readers would take its value for the "
            "column's: choose another name"
        )


@lru_cache(maxsize=1)
def _table_columns() -> frozenset[str]:
    """The names of all columns of all tables."""
    from data_contracts.tables.table import Table  # brings polars, which settings need for this alone

    modules = [import_module(f"{tables.__name__}.{module.name}") for module in iter_modules(tables.__path__)]
    by_id = {id(each): each for module in modules for each in vars(module).values() if isinstance(each, Table)}
    return frozenset(name for table in by_id.values() for name in table.names)


def _first_other(text: str, allowed: re.Pattern[str]) -> str | None:
    return next((character for character in text if not allowed.fullmatch(character)), None)


def _shown(character: str) -> str:
    """A character as people see it, or its number where they would not."""
    if character == " ":
        return "a space"
    number = f"U+{ord(character):04X}"
    if unicodedata.category(character) in _INVISIBLE or unicodedata.combining(character):
        return number
    return f"'{character}'" if character.isascii() else f"'{character}' ({number})"

"""A job's files: its input lines on local disk, and its output lines until they are shuffled and sent."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson


class InvalidInput(Exception):
    """Validating found the input wrong: the job fails with this message."""


class Source(NamedTuple):
    """One input file: its local copy, and where its output goes below the job's folder."""

    path: Path
    output_name: str


class Spool:
    """Output lines on disk, in any order on the way out."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("w+b")
        self._starts: list[int] = [0]

    def add(self, line: dict[str, Any]) -> None:
        """Append one line."""
        self._starts.append(self._starts[-1] + self._file.write(dump(line) + b"\n"))

    def write_shuffled(self, path: Path, source: random.Random) -> None:
        """Write the lines in an order that is the job's own, unlike the input's."""
        order = list(range(len(self._starts) - 1))
        source.shuffle(order)
        with path.open("wb") as target:
            for place in order:
                self._file.seek(self._starts[place])
                target.write(self._file.read(self._starts[place + 1] - self._starts[place]))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of an s3:// URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def read_lines(source: Source) -> Iterator[dict[str, Any]]:
    """The records of an input file.

    Raises:
        InvalidInput: for a line that is no JSON object with a modelInput object.
    """
    with source.path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            record = _load(line)
            if not isinstance(record, dict) or not isinstance(record.get("modelInput"), dict):
                raise InvalidInput(
                    f"Invalid record in {source.output_name}, line {number}: each line must be a JSON object with a "
                    "modelInput object"
                )
            yield record


def _load(line: bytes) -> Any:
    """A JSON line, or None. Lone surrogates, which orjson refuses, are JSON to AWS."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            return None


def dump(line: dict[str, Any]) -> bytes:
    """A JSON object as bytes; lone surrogates, which orjson refuses, are spelt."""
    try:
        return orjson.dumps(line)
    except TypeError:
        return json.dumps(line).encode()

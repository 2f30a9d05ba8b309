"""Strings that are no UTF-8 break their own rows and nothing else."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.documents.plan import InputObject
from tasks.base.errors import SchemaDrift
from tasks.intake.encoding import BROKEN, is_sound
from tasks.intake.row_rules import read_comments
from tests import factories

LONE_SURROGATE, LATIN, OVERLONG = b"bad \xed\xa0\x80 text", b"caf\xe9", b"\xc0\xaf"
SOURCE = InputObject(uri=factories.SOURCE, etag="e1", size_bytes=1, row_count=4)


def unchecked(values: list[bytes | None]) -> pa.Array:
    """Strings as a careless writer writes them: the bytes as they are."""
    raw = pa.array(values, pa.binary())
    return pa.StringArray.from_buffers(len(raw), *raw.buffers()[1:], raw.buffers()[0])


def write(path: Path, **columns: pa.Array) -> Path:
    """Four comments, with these columns in the place of their own."""
    frame = factories.comments({}, {}, {}, {}).to_arrow()
    for name, column in columns.items():
        frame = frame.set_column(frame.schema.get_field_index(name), name, column)
    pq.write_table(frame.append_column("extra", unchecked([LATIN] * 4)), path)
    return path


def test_a_sound_file_is_read_as_it_is(tmp_path: Path) -> None:
    """No row of a file in order is marked, whatever its other columns hold."""
    path = write(tmp_path / "input.parquet")
    assert is_sound(path)
    assert read_comments(path, SOURCE).collect()[BROKEN].to_list() == [False] * 4
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("column", ["text", "comment_id", "product_id", "user_id"])
def test_broken_rows_are_marked(column: str, tmp_path: Path) -> None:
    """Lone surrogates, Latin-1 and overlong forms mark their rows; the file's other rows come as they are."""
    values = unchecked([b"fine \xef\xbf\xbd", LONE_SURROGATE, LATIN if column != "text" else None, OVERLONG])
    path = write(tmp_path / "input.parquet", **{column: values})
    assert not is_sound(path)
    read = read_comments(path, SOURCE).collect()
    assert read[BROKEN].to_list() == [False, True, column != "text", True]
    assert read[column].to_list()[:2] == ["fine \ufffd", "bad \ufffd\ufffd\ufffd text"]
    assert read["source_row"].to_list() == [0, 1, 2, 3]
    assert read["posted_at"].to_list() == [factories.NOON] * 4


def test_sound_dictionaries_are_read(tmp_path: Path) -> None:
    """Dictionary-encoded strings beside a broken column come as they are."""
    ids = pa.array(["a", "b", "c", "d"]).dictionary_encode()
    path = write(tmp_path / "input.parquet", comment_id=ids, text=unchecked([LATIN] * 4))
    read = read_comments(path, SOURCE).collect()
    assert read["comment_id"].to_list() == ["a", "b", "c", "d"]
    assert read[BROKEN].all()


def test_a_broken_dictionary_is_schema_drift(tmp_path: Path) -> None:
    """Where the broken strings cannot be told by row the night stops and names the file."""
    ids = pa.DictionaryArray.from_arrays(pa.array([0, 0, 0, 0]), unchecked([LATIN]))
    with pytest.raises(SchemaDrift, match=r"part-0\.parquet: strings that are no UTF-8"):
        read_comments(write(tmp_path / "input.parquet", comment_id=ids), SOURCE)

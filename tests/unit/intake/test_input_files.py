"""Which objects of a day's folder are read, which are nobody's, and which somebody must be told of."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.adapters.storage import Storage, StorageRefused, StoredObject
from tasks.base.errors import InputChanged
from tasks.intake.input_files import InputFiles, describe_unread, find_inputs, may_be_parquet, name_of, sort_out
from tests import factories

FOLDER = f"s3://in/comments/date={factories.RUN_DATE}"


def item(name: str, size_bytes: int = 1000) -> StoredObject:
    return StoredObject(f"{FOLDER}/{name}", "e1", size_bytes, datetime(2026, 11, 19, tzinfo=UTC))


def fate(files: InputFiles) -> str:
    """What becomes of the one object of a folder."""
    (found,) = [name for name, objects in files._asdict().items() if objects]
    return str(found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("part-0.parquet", "read", id="parquet"),
        pytest.param("part-0.PARQUET", "read", id="upper-case"),
        pytest.param("part-0.gz.Parquet", "read", id="any-case-after-another-suffix"),
        pytest.param("20261119_030000_00012_abcde", "read", id="without-a-suffix"),
        pytest.param("hour=05/part-0.parquet", "read", id="in-a-subfolder"),
        pytest.param("hour=05/shop=jp/000000_0", "read", id="without-a-suffix-in-subfolders"),
        pytest.param("hour=/part-0.parquet", "read", id="in-a-subfolder-of-no-value"),
        pytest.param("_SUCCESS", "hidden", id="marker"),
        pytest.param("_tmp-part-0.parquet", "hidden", id="underscore"),
        pytest.param(".part-0.parquet", "hidden", id="dot"),
        pytest.param("_temporary/0/part-0.parquet", "hidden", id="below-a-hidden-folder"),
        pytest.param("hour=05/.staging/part-0.parquet", "hidden", id="below-a-hidden-folder-further-down"),
        pytest.param("_hour=05/part-0.parquet", "hidden", id="a-hidden-subfolder-of-the-form"),
        pytest.param("part-0.csv", "unread", id="csv"),
        pytest.param("part-0.parquet.gz", "unread", id="packed"),
        pytest.param("part-0.parquet.crc", "unread", id="checksum"),
        pytest.param("x.parquet/part-0.parquet", "unread", id="in-a-folder-named-like-a-file"),
        pytest.param("sub/part-0.parquet", "unread", id="in-a-folder-of-another-form"),
        pytest.param("hour=05/sub/part-0.parquet", "unread", id="further-down"),
        pytest.param("=05/part-0.parquet", "unread", id="in-a-subfolder-without-a-key"),
        pytest.param("/part-0.parquet", "unread", id="after-two-slashes"),
    ],
)
def test_what_is_read_goes_by_the_name(name: str, expected: str) -> None:
    """One rule for every kind of object."""
    assert fate(sort_out([item(name)], FOLDER, lambda _: True)) == expected


@pytest.mark.parametrize("name", ["hour=05/", "x.parquet/", "", "hour=05_$folder$"])
def test_a_mark_of_a_folder_is_no_part_of_a_day(name: str) -> None:
    """Consoles and Hadoop make an object of no bytes for a folder; one with bytes is somebody's data."""
    assert fate(sort_out([item(name, 0)], FOLDER, lambda _: False)) == "hidden"
    assert fate(sort_out([item(name, 9)], FOLDER, lambda _: False)) == "unread"


def test_the_marker_is_missed_by_nobody() -> None:
    """The object that says that the input is complete is not told of, whatever its name."""
    files = sort_out([item("a.parquet"), item("done.txt")], FOLDER, lambda _: True, "done.txt")
    assert files == InputFiles((item("a.parquet"),), is_marked=True)
    assert not sort_out([item("a.parquet")], FOLDER, lambda _: True, "done.txt").is_marked


@pytest.fixture
def day(tmp_path: Path) -> Path:
    folder = tmp_path / f"date={factories.RUN_DATE}"
    folder.mkdir()
    return folder


def find(day: Path) -> dict[str, list[str]]:
    files = find_inputs(factories.local_adapters().storage, str(day))
    return {part: [Path(found.uri).name for found in getattr(files, part)] for part in ("read", "unread")}


def test_without_a_suffix_the_ends_tell(day: Path) -> None:
    """What begins and ends as Parquet does is Parquet; what does not, or is too short to be, is not."""
    factories.comments({}).write_parquet(day / "whole")
    (day / "cut").write_bytes((day / "whole").read_bytes()[:-1])
    (day / "short").write_bytes(b"PAR1")
    (day / "nothing").write_bytes(b"")
    (day / "encrypted").write_bytes(b"PARE" + b"x" * 20 + b"PARE")
    assert find(day) == {"read": ["whole"], "unread": ["cut", "encrypted", "nothing", "short"]}


def test_objects_are_in_order_of_key(day: Path) -> None:
    """However an object's kind was found, the day's first is the lowest key: duplicates are kept by it."""
    for name in ("b", "a.parquet", "c.parquet", "d"):
        factories.comments({}).write_parquet(day / name)
    assert find(day)["read"] == ["a.parquet", "b", "c.parquet", "d"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(StorageRefused("archived"), InputFiles((item("x"),)), id="refused"),
        pytest.param(InputChanged("gone"), InputFiles(()), id="gone"),
    ],
)
def test_an_object_whose_ends_cannot_be_seen(
    error: Exception, expected: InputFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that S3 refuses is left to whoever reads the day, and is told then; one that is gone is no part of it."""
    storage = factories.local_adapters().storage

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(storage, "ends", refuse)
    monkeypatch.setattr(storage, "list", lambda _: [item("x")])
    assert find_inputs(storage, FOLDER) == expected


def test_an_object_that_is_known_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A night's look at published days makes no call for objects that their plans have."""
    storage: Storage = factories.local_adapters().storage
    monkeypatch.setattr(storage, "list", lambda _: [item("x")])
    monkeypatch.setattr(storage, "ends", lambda *_: pytest.fail("it was looked at"))
    assert find_inputs(storage, FOLDER, known=frozenset({(item("x").uri, "e1")})).read == (item("x"),)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        pytest.param(f"{FOLDER}/a.parquet", "a.parquet", id="in-the-folder"),
        pytest.param(f"{FOLDER}/hour=05/a.parquet", "hour=05/a.parquet", id="in-a-subfolder"),
        pytest.param(f"/copy/date={factories.RUN_DATE}/hour=05/a.parquet", "hour=05/a.parquet", id="in-a-copy"),
    ],
)
def test_an_object_is_known_by_its_name_below_the_day(uri: str, expected: str) -> None:
    """Two hours may have files of one name."""
    assert name_of(uri, FOLDER, factories.RUN_DATE) == expected


def test_many_names_are_counted() -> None:
    """The line stays short however much is not read; nothing to say is no line."""
    (line,) = describe_unread(InputFiles((), tuple(item(f"part-{number}.csv") for number in range(1000))), FOLDER)
    assert line.startswith(f"1000 objects in {FOLDER}/ are not read: part-0.csv, part-1.csv")
    assert "part-5.csv" not in line
    assert describe_unread(InputFiles((item("a.parquet"),)), FOLDER) == ()


def test_hidden_parquet_is_said() -> None:
    """What a writer that died has left may be a part of the day; markers, checksums and empty files are not."""
    names = ("_SUCCESS", "_metadata", ".part-0.parquet.crc", "_tmp-part-0.parquet", "_temporary/0/part-1.PARQUET")
    files = sort_out([*map(item, names), item("_empty.parquet", 0)], FOLDER, lambda _: True)
    (line,) = describe_unread(files, FOLDER)
    told = "_tmp-part-0.parquet, _temporary/0/part-1.PARQUET"
    assert line == (f"2 objects in {FOLDER}/ are hidden by a name that begins with _ or a dot, and not read: {told}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("_tmp.parquet", True), ("sub/a.PARQUET", True), ("000000_0", True), ("a.csv", False), ("a.parquet.crc", False)],
)
def test_an_erasure_looks_into_all_that_may_be_parquet(name: str, expected: bool) -> None:
    """Hidden files and other people's folders may hold a comment too."""
    assert may_be_parquet(f"{FOLDER}/{name}") is expected

"""One behaviour for objects in S3 and for files: what a stage reads, writes and is told when something is wrong."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.s3.models import s3_backends

from sandbox.serve import Sandbox
from tasks.adapters.aws import Aws, AwsEnvironment, shared
from tasks.adapters.storage import Storage, StorageRefused, keeping_files
from tasks.adapters.stores import file_store, pieces
from tasks.adapters.stores.remembered import Remembered
from tasks.base.errors import InputChanged, StorageUnavailable
from tests.wire import OneTry, Reply, Wire

BUCKET = "s3://moderation-output"


class Place(NamedTuple):
    """A storage, and a folder in it that holds nothing yet."""

    storage: Storage
    root: str

    def uri(self, name: str) -> str:
        return f"{self.root}/{name}"

    def names(self, folder: str = "") -> list[str]:
        """What a listing of a folder shows, relative to the root."""
        listed = self.storage.list(f"{self.root}/{folder}" if folder else self.root)
        return [item.uri.removeprefix(f"{self.root}/") for item in listed]

    def etag(self, name: str) -> str:
        (item,) = (item for item in self.storage.list(self.root) if item.uri == self.uri(name))
        return item.etag


@pytest.fixture
def s3_env(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox's S3 is AWS's to every client of this process."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return sandbox


@pytest.fixture
def s3(s3_env: Sandbox) -> Place:
    return Place(Storage(shared(AwsEnvironment())), f"{BUCKET}/somewhere/date=2026-11-19")


@pytest.fixture
def wire(s3_env: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire to S3 that can be cut; clients made from now on use it."""
    with Wire(s3_env.s3_url).served() as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", wire.url)
        yield wire


@pytest.fixture(params=["files", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "s3":
        found: Place = request.getfixturevalue("s3")
        return found
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return Place(Storage(shared(AwsEnvironment())), str(tmp_path / "somewhere"))


def test_listing_is_in_order_of_key(place: Place) -> None:
    """Objects come in the order of their keys' bytes, folders and non-ASCII names included."""
    names = ["B", "a-b", "a.b", "a/b", "a0", "a~", "ü", "あ"]
    for name in reversed(names):
        place.storage.put(place.uri(name), b"x")
    assert place.names() == names


def test_listing_stays_in_its_folder(place: Place) -> None:
    """A folder whose name begins with another's is not listed with it."""
    for name in ("date=2026-11-1/a.parquet", "date=2026-11-19/a.parquet", "date=2026-11-1.parquet"):
        place.storage.put(place.uri(name), b"x")
    assert place.names("date=2026-11-1") == ["date=2026-11-1/a.parquet"]


def test_listing_after_a_key(place: Place) -> None:
    """A listing may begin in the middle; what it begins after need not be there."""
    for name in ("date=2026-11-17/a", "date=2026-11-18/a", "date=2026-11-18/b", "date=2026-11-19/a"):
        place.storage.put(place.uri(name), b"x")
    after = [item.uri for item in place.storage.list(place.root, after="date=2026-11-18")]
    assert after == [place.uri(name) for name in ("date=2026-11-18/a", "date=2026-11-18/b", "date=2026-11-19/a")]


def test_what_was_listed_is_read_as_it_is_listed(place: Place) -> None:
    """Listed objects come in the order that is asked for; one that was replaced since the last listing is read anew."""
    for name in "abc":
        place.storage.put(place.uri(name), name.encode())
    first = place.storage.list(place.root)
    assert place.storage.read_listed(first[::-1]) == (b"c", b"b", b"a")
    place.storage.put(place.uri("b"), b"another")
    assert place.storage.read_listed(place.storage.list(place.root)) == (b"a", b"another", b"c")
    place.storage.delete([place.uri("b")])
    assert place.storage.read_listed(place.storage.list(place.root)) == (b"a", b"c")


def test_an_object_that_is_gone_since_it_was_listed(place: Place) -> None:
    """An object that goes between its listing and the first read is None."""
    place.storage.put(place.uri("a"), b"x")
    listed = place.storage.list(place.root)
    place.storage.delete([place.uri("a")])
    assert place.storage.read_listed(listed) == (None,)


def test_what_stays_is_asked_for_once(s3: Place, sandbox: Sandbox) -> None:
    """A listed object that this process has read is remembered, also for another connection."""
    s3.storage.put(s3.uri("a"), b"x")
    s3.storage.read_listed(s3.storage.list(s3.root))
    listed = s3.storage.list(s3.root)
    sandbox.s3.delete_object(Bucket="moderation-output", Key=s3.uri("a").removeprefix(f"{BUCKET}/"))
    assert Storage(shared(AwsEnvironment())).read_listed(listed) == (b"x",)


def test_what_is_remembered_has_an_end() -> None:
    """The least used bodies go when there is no room for another."""
    memory = Remembered(most_bytes=10)
    memory.put("a", "1", b"12345")
    memory.put("b", "1", b"12345")
    assert memory.get("a", "1") == b"12345"
    memory.put("c", "1", b"1")
    assert [memory.get(uri, "1") for uri in "abc"] == [b"12345", None, b"1"]
    memory.put("a", "2", b"1234567890")
    assert [memory.get("a", etag) for etag in "12"] == [None, b"1234567890"]
    assert memory.get("c", "1") is None


def test_listing_of_nothing_is_empty(place: Place) -> None:
    """A folder that does not exist has no objects."""
    assert place.names("nowhere") == []


def test_listing_tells_size_and_time(place: Place) -> None:
    """A listed object has its size in bytes and a time with its zone."""
    place.storage.put(place.uri("a"), b"12345")
    (item,) = place.storage.list(place.root)
    assert item.size_bytes == 5
    assert item.modified_at.tzinfo is not None


def test_a_bucket_can_be_listed_whole(s3: Place) -> None:
    """A URI without a key lists the bucket."""
    s3.storage.put(f"{BUCKET}/top", b"x")
    s3.storage.put(f"{BUCKET}/deep/down", b"x")
    assert [item.uri for item in s3.storage.list(BUCKET)] == [f"{BUCKET}/deep/down", f"{BUCKET}/top"]


def test_what_is_put_is_got(place: Place) -> None:
    """An object is its bytes, whatever they are."""
    body = bytes(range(256))
    place.storage.put(place.uri("deep/down"), body)
    assert place.storage.get(place.uri("deep/down")) == body


def test_get_of_a_missing_object_is_none(place: Place) -> None:
    """No object is a legal answer."""
    assert place.storage.get(place.uri("missing")) is None


def test_put_replaces(place: Place) -> None:
    """The last put counts, and changes the etag."""
    place.storage.put(place.uri("a"), b"old")
    before = place.etag("a")
    place.storage.put(place.uri("a"), b"new")
    assert place.storage.get(place.uri("a")) == b"new"
    assert place.etag("a") != before


def test_put_if_absent_keeps_what_is_there(place: Place) -> None:
    """The first write stays, and the second is told so."""
    assert place.storage.put_if_absent(place.uri("a"), b"first")
    assert not place.storage.put_if_absent(place.uri("a"), b"second")
    assert place.storage.get(place.uri("a")) == b"first"


def test_of_racing_writers_one_wins(place: Place) -> None:
    """Of eight writers at once, one is told that it was absent, and its bytes are there."""
    ready = threading.Barrier(8)

    def write(number: int) -> bool:
        ready.wait()
        return place.storage.put_if_absent(place.uri("lease"), b"%d" % number)

    with ThreadPoolExecutor(8) as writers:
        wins = list(writers.map(write, range(8)))
    assert wins.count(True) == 1
    assert place.storage.get(place.uri("lease")) == b"%d" % wins.index(True)


def test_a_lost_answer_does_not_lose_the_race(wire: Wire) -> None:
    """A writer whose first answer was lost finds its own bytes when it asks again: it was absent."""
    storage = Storage(Aws())
    wire.fates.append("lose")
    assert storage.put_if_absent(f"{BUCKET}/a", b"mine")
    assert len(wire.seen) == 3  # the write, the write again, and the look at what is there
    assert storage.get(f"{BUCKET}/a") == b"mine"


CONFLICT = Reply(409, "<Error><Code>ConditionalRequestConflict</Code><Message>busy</Message></Error>")


def conditional_writes(storage: Storage, folder: Path) -> dict[str, Callable[[], bool]]:
    """Every write with a condition, each of which holds."""
    file = folder / "new"
    file.write_bytes(b"new")
    storage.put(f"{BUCKET}/there", b"old")
    (item,) = (item for item in storage.list(BUCKET) if item.uri == f"{BUCKET}/there")
    return {
        "put_if_absent": lambda: storage.put_if_absent(f"{BUCKET}/absent", b"new"),
        "put_if_match": lambda: storage.put_if_match(f"{BUCKET}/there", b"new", item.etag),
        "send_if_match": lambda: storage.send_if_match(file, f"{BUCKET}/there", item.etag),
        "send_if_absent": lambda: storage.send_if_match(file, f"{BUCKET}/absent", None),
    }


@pytest.mark.parametrize("verb", ["put_if_absent", "put_if_match", "send_if_match", "send_if_absent"])
def test_a_conflict_with_another_write_is_tried_again(verb: str, wire: Wire, tmp_path: Path) -> None:
    """S3's 409 says neither yes nor no: the same write is sent again, whole, and then it holds."""
    storage = Storage(Aws())
    write = conditional_writes(storage, tmp_path)[verb]
    wire.fates.extend([CONFLICT, CONFLICT])
    assert write()
    assert storage.get(f"{BUCKET}/{'absent' if 'absent' in verb else 'there'}") == b"new"


def test_who_loses_a_conflict_is_told_so(wire: Wire) -> None:
    """Where the other write came through, the write that is sent again finds its condition broken."""
    storage = Storage(Aws())
    storage.put(f"{BUCKET}/a", b"another's")
    wire.fates.append(CONFLICT)
    assert not storage.put_if_absent(f"{BUCKET}/a", b"mine")
    wire.fates.append(CONFLICT)
    assert not storage.put_if_match(f"{BUCKET}/a", b"mine", "0" * 32)


def test_a_conflict_without_end_is_worth_another_try(wire: Wire) -> None:
    """Where other writes are always under way, the stage is told to come again."""
    wire.fates.extend([CONFLICT] * 6)
    with pytest.raises(StorageUnavailable, match="ConditionalRequestConflict: busy"):
        Storage(Aws()).put_if_absent(f"{BUCKET}/a", b"mine")


def test_fetch_with_the_planned_etag(place: Place, tmp_path: Path) -> None:
    """An object that is as it was planned is downloaded."""
    place.storage.put(place.uri("a"), b"planned")
    place.storage.fetch(place.uri("a"), tmp_path / "copy", place.etag("a"))
    assert (tmp_path / "copy").read_bytes() == b"planned"


def test_fetch_with_a_stale_etag(place: Place, tmp_path: Path) -> None:
    """An object that was replaced since the plan stops the night, and nothing is downloaded."""
    place.storage.put(place.uri("a"), b"planned")
    etag = place.etag("a")
    place.storage.put(place.uri("a"), b"replaced")
    with pytest.raises(InputChanged, match=r"/a was replaced or deleted while the night ran"):
        place.storage.fetch(place.uri("a"), tmp_path / "copy", etag)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("etag", [None, "d41d8cd98f00b204e9800998ecf8427e"])
def test_fetch_of_a_missing_object(place: Place, tmp_path: Path, etag: str | None) -> None:
    """An object that is gone stops the night, with or without a planned etag."""
    with pytest.raises(InputChanged, match="/missing was replaced or deleted"):
        place.storage.fetch(place.uri("missing"), tmp_path / "copy", etag)


def test_fetch_that_breaks_off(wire: Wire, tmp_path: Path) -> None:
    """A download that ends too early is worth another try, never half an object."""
    storage = Storage(Aws())
    storage.put(f"{BUCKET}/a", b"x" * 100_000)
    wire.fates.append("cut")
    with pytest.raises(StorageUnavailable, match="read s3://moderation-output/a"):
        storage.fetch(f"{BUCKET}/a", tmp_path / "copy")


def test_send_is_the_file(place: Place, tmp_path: Path) -> None:
    """A sent file is the object, and stays where it was."""
    (tmp_path / "local").write_bytes(b"finished")
    place.storage.put(place.uri("a"), b"old")
    place.storage.send(tmp_path / "local", place.uri("a"))
    assert place.storage.get(place.uri("a")) == b"finished"
    assert (tmp_path / "local").exists()


def test_send_if_match_replaces_what_was_seen(place: Place, tmp_path: Path) -> None:
    """A file is sent over the object that was listed, or over none; once that is another, nothing changes."""
    (tmp_path / "first").write_bytes(b"first")
    (tmp_path / "second").write_bytes(b"second")
    storage, uri = place.storage, place.uri("a")
    assert not storage.send_if_match(tmp_path / "first", uri, "0" * 32)
    assert storage.send_if_match(tmp_path / "first", uri, None)
    assert not storage.send_if_match(tmp_path / "second", uri, None)
    (seen,) = storage.list(uri.rpartition("/")[0])
    assert storage.send_if_match(tmp_path / "second", uri, seen.etag)
    assert not storage.send_if_match(tmp_path / "first", uri, seen.etag)
    assert storage.get(uri) == b"second"


def test_open_reads_anywhere(place: Place) -> None:
    """The end of an object can be read without the rest."""
    place.storage.put(place.uri("a"), b"header and footer")
    with place.storage.open(place.uri("a")) as file:
        file.seek(-6, 2)
        assert file.read() == b"footer"


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
def test_an_open_object_is_its_bytes(size: int, place: Place) -> None:
    """However large it is, and wherever it is read, an open object is what was put there."""
    body = random.Random(size).randbytes(size)
    place.storage.put(place.uri("a"), body)
    with place.storage.open(place.uri("a")) as file:
        assert file.read(10) == body[:10]
        assert file.seek(size // 2) == size // 2
        assert file.read(100) == body[size // 2 :][:100]
        assert file.seek(-min(size, 70_000), 2) == size - min(size, 70_000)
        assert file.read() == body[size - min(size, 70_000) :]
        file.seek(0)
        assert file.read() == body
        assert file.read(1) == b""


def test_a_footer_takes_one_call(wire: Wire) -> None:
    """The end of an object comes with its size, and no head is asked for."""
    storage = Storage(Aws())
    file = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(100_000))}), file)
    storage.put(f"{BUCKET}/a", file.getvalue())
    wire.asked.clear()
    with storage.open(f"{BUCKET}/a") as opened:
        assert pq.ParquetFile(opened).metadata.num_rows == 100_000
    assert [(asked.method, asked.headers["range"]) for asked in wire.asked] == [("GET", "bytes=-65536")]


def test_an_open_object_that_is_replaced(s3: Place) -> None:
    """What is read of an object is of one version of it: another stops the night in the words of a changed input."""
    s3.storage.put(s3.uri("a"), b"x" * 100_000)
    with s3.storage.open(s3.uri("a")) as file:
        s3.storage.put(s3.uri("a"), b"y" * 100_000)
        with pytest.raises(InputChanged, match="/a was replaced or deleted"):
            file.read(10)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"PAR1 and so on PAR1", (b"PAR1", b"PAR1"), id="long"),
        pytest.param(b"abc", (b"abc", b"abc"), id="shorter-than-asked"),
        pytest.param(b"", (b"", b""), id="empty"),
    ],
)
def test_the_ends_of_an_object(body: bytes, expected: tuple[bytes, bytes], place: Place) -> None:
    """Its first and last bytes tell what it is."""
    place.storage.put(place.uri("a"), body)
    assert place.storage.ends(place.uri("a"), 4) == expected


def test_the_ends_of_a_missing_object(place: Place) -> None:
    """An object that went since it was listed is a changed input."""
    with pytest.raises(InputChanged, match="/missing was replaced or deleted"):
        place.storage.ends(place.uri("missing"), 4)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 35])
def test_an_object_piece_by_piece(size: int, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its size, the pieces put together are the object."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 10)
    monkeypatch.setattr(file_store, "PIECE_BYTES", 10)
    body = bytes(range(size))
    place.storage.put(place.uri("a"), body)
    found = list(place.storage.pieces(place.uri("a")))
    assert b"".join(found) == body
    assert all(len(piece) <= 10 for piece in found)


def test_the_pieces_of_a_missing_object(place: Place) -> None:
    """An object that went since it was listed is a changed input."""
    with pytest.raises(InputChanged, match="/missing was replaced or deleted"):
        list(place.storage.pieces(place.uri("missing")))


def test_an_object_that_is_replaced_between_its_pieces(s3_env: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pieces are of one object: what was put in its place meanwhile is told, never mixed in."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 10)
    storage = Storage(shared(AwsEnvironment()))
    storage.put(f"{BUCKET}/a", b"x" * 40)
    found = storage.pieces(f"{BUCKET}/a")
    assert next(found) == b"x" * 10
    storage.put(f"{BUCKET}/a", b"y" * 40)
    with pytest.raises(InputChanged, match="/a was replaced or deleted while the night ran"):
        list(found)


READS: dict[str, Callable[[Storage, str, Path], object]] = {
    "get": lambda storage, uri, _: storage.get(uri),
    "fetch": lambda storage, uri, path: storage.fetch(uri, path / "copy"),
    "open": lambda storage, uri, _: storage.open(uri),
    "ends": lambda storage, uri, _: storage.ends(uri, 4),
    "pieces": lambda storage, uri, _: list(storage.pieces(uri)),
}


@pytest.mark.parametrize("verb", READS)
def test_an_archived_object(verb: str, s3_env: Sandbox, tmp_path: Path) -> None:
    """An object in Glacier is one line with its URI and what helps."""
    s3_env.s3.put_object(Bucket="moderation-output", Key="a", Body=b"x", StorageClass="GLACIER")
    with pytest.raises(StorageRefused) as caught:
        READS[verb](Storage(shared(AwsEnvironment())), f"{BUCKET}/a", tmp_path)
    line = str(caught.value)
    assert line.startswith(f"read {BUCKET}/a: InvalidObjectState: ")
    assert "the object is archived; restore it (aws s3api restore-object)" in line
    assert "\n" not in line


@pytest.mark.parametrize("verb", READS)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt on resource: arn:x"),
        ("KMS.DisabledException", "arn:aws:kms:ap-northeast-1:1:key/x is disabled."),
    ],
)
def test_a_key_that_may_not_be_used(verb: str, code: str, message: str, wire: Wire, tmp_path: Path) -> None:
    """A refusal by KMS is one line with the object, and says that it is the key."""
    wire.fates.append(Reply(403, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
    with pytest.raises(StorageRefused) as caught:
        READS[verb](Storage(Aws()), f"{BUCKET}/a", tmp_path)
    assert str(caught.value).startswith(f"read {BUCKET}/a: {code}: {message}: the object is encrypted with a KMS key")


def test_open_of_a_missing_object(place: Place) -> None:
    """An object that went between listing and opening stops the night in the words of a changed input."""
    with pytest.raises(InputChanged, match="/missing was replaced or deleted"):
        place.storage.open(place.uri("missing"))


def test_delete_takes_what_is_there(place: Place) -> None:
    """Named objects go, others stay, and an absent one is no error."""
    for name in ("a", "b", "c"):
        place.storage.put(place.uri(name), b"x")
    place.storage.delete([place.uri("a"), place.uri("missing"), place.uri("c")])
    assert place.names() == ["b"]


def test_delete_of_nothing(place: Place) -> None:
    """No objects to delete is no error."""
    place.storage.delete([])


def test_delete_of_more_than_a_thousand(s3_env: Sandbox) -> None:
    """S3 lists and deletes a thousand keys a call: all of them go, and no other."""
    for number in range(1_002):  # behind the server's back: over HTTP it takes 5 s
        s3_backends["123456789012"]["aws"].put_object("moderation-output", f"many/{number:04d}", b"")
    aws, sizes = Aws(), []

    def count(params: dict[str, Any], **_: Any) -> None:
        sizes.append(len(params["Delete"]["Objects"]))

    aws.s3.meta.events.register("before-parameter-build.s3.DeleteObjects", count)
    storage = Storage(aws)
    listed = [item.uri for item in storage.list(f"{BUCKET}/many")]
    assert len(listed) == 1_002
    storage.delete(uri for uri in listed if not uri.endswith("/0500"))
    assert [item.uri for item in storage.list(f"{BUCKET}/many")] == [f"{BUCKET}/many/0500"]
    assert sizes == [1_000, 1]


def test_delete_goes_to_every_bucket(s3: Place, tmp_path: Path) -> None:
    """One call may name objects of several buckets, and files."""
    uris = [f"{BUCKET}/a", "s3://moderation-batch/a", str(tmp_path / "a")]
    for uri in uris:
        s3.storage.put(uri, b"x")
    s3.storage.delete(uris)
    assert [s3.storage.get(uri) for uri in uris] == [None, None, None]


def test_delete_that_is_refused_for_a_key(wire: Wire) -> None:
    """DeleteObjects succeeds as a call when a key may not be deleted: the refusal is told all the same."""
    body = "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"
    wire.fates.append(Reply(200, body))
    with pytest.raises(StorageRefused, match="1 objects stay, the first is a: AccessDenied: no"):
        Storage(Aws()).delete([f"{BUCKET}/a"])


def test_a_file_being_written_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a writer left half done is no object, as in S3."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    place = Place(Storage(shared(AwsEnvironment())), str(tmp_path))
    place.storage.put(place.uri("a"), b"x")
    (tmp_path / ".partial-killed").write_bytes(b"half")
    assert place.names() == ["a"]


VERBS: dict[str, Callable[[Storage, str, Path], object]] = {
    "list": lambda storage, uri, _: storage.list(uri),
    "get": lambda storage, uri, _: storage.get(uri),
    "fetch": lambda storage, uri, path: storage.fetch(uri, path / "copy"),
    "pieces": lambda storage, uri, _: list(storage.pieces(uri)),
    "put": lambda storage, uri, _: storage.put(uri, b"x"),
    "put_if_absent": lambda storage, uri, _: storage.put_if_absent(uri, b"x"),
    "send": lambda storage, uri, path: storage.send(path / "local", uri),
    "send_if_match": lambda storage, uri, path: storage.send_if_match(path / "local", uri, None),
    "delete": lambda storage, uri, _: storage.delete([uri]),
}


@pytest.mark.parametrize("verb", VERBS)
def test_no_such_bucket(verb: str, s3_env: Sandbox, tmp_path: Path) -> None:
    """A bucket that does not exist stops the night in one line that names it."""
    (tmp_path / "local").write_bytes(b"x")
    with pytest.raises(StorageRefused, match=r"s3://nowhere.*NoSuchBucket: The specified bucket") as caught:
        VERBS[verb](Storage(shared(AwsEnvironment())), "s3://nowhere/a", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("verb", VERBS)
def test_access_denied(verb: str, wire: Wire, tmp_path: Path) -> None:
    """A missing permission stops the night with AWS's own words."""
    (tmp_path / "local").write_bytes(b"x")
    wire.fates.append(Reply(403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"))
    with pytest.raises(StorageRefused, match="AccessDenied: Access Denied"):
        VERBS[verb](Storage(Aws()), f"{BUCKET}/a", tmp_path)


@pytest.mark.parametrize("verb", [*VERBS, "open"])
def test_server_down(verb: str, s3_env: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An S3 that does not answer is worth another try of the stage."""
    (tmp_path / "local").write_bytes(b"x")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    verbs = VERBS | {"open": lambda storage, uri, _: storage.open(uri)}
    with pytest.raises(StorageUnavailable, match=r"s3://moderation-output"):
        verbs[verb](Storage(OneTry()), f"{BUCKET}/a", tmp_path)


def test_slow_down_is_tried_again(wire: Wire) -> None:
    """S3's 503 is repeated by botocore, within the attempts that the client has."""
    busy = Reply(503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
    wire.fates.extend([busy])
    Storage(Aws()).put(f"{BUCKET}/a", b"x")
    wire.fates.extend([busy])
    with pytest.raises(StorageUnavailable, match="SlowDown: Please reduce"):
        Storage(OneTry()).put(f"{BUCKET}/a", b"x")


def test_an_answer_that_never_comes(wire: Wire) -> None:
    """A call has a time limit."""
    wire.fates.append("hang")
    with pytest.raises(StorageUnavailable, match="ReadTimeoutError"):
        Storage(OneTry()).get(f"{BUCKET}/a")


def test_the_time_is_by_the_clock_that_dates_objects(place: Place) -> None:
    """Nothing that a listing shows is younger than the time asked for afterwards, whatever our own clock says."""
    before = place.storage.now(place.root)
    place.storage.put(place.uri("a"), b"x")
    (item,) = place.storage.list(place.root)
    assert before.replace(microsecond=0) <= item.modified_at
    assert item.modified_at.replace(microsecond=0) <= place.storage.now(place.root)


def test_a_kept_file_is_given_only_while_the_store_has_the_same_object(s3: Place, wire: Wire, tmp_path: Path) -> None:
    """What was sent comes back without its bytes; a replaced object comes as it is now, a deleted one not at all."""
    storage, uri = Storage(shared(AwsEnvironment())), s3.uri("valid.parquet")
    sent, copy = tmp_path / "sent", tmp_path / "copy"
    sent.write_bytes(b"first" * 1000)
    with keeping_files([s3.root]):
        storage.send(sent, uri)
        storage.fetch(uri, copy)
        assert (copy.read_bytes(), copy.stat().st_ino) == (b"first" * 1000, sent.stat().st_ino)
        s3.storage.put(uri, b"second")
        storage.fetch(uri, copy)
        assert copy.read_bytes() == b"second"
        assert sent.read_bytes() == b"first" * 1000
        copy.write_bytes(b"spoilt by whoever fetched it")
        storage.fetch(uri, copy)
        assert copy.read_bytes() == b"second"
        s3.storage.delete([uri])
        with pytest.raises(InputChanged):
            storage.fetch(uri, copy)
    storage.send(sent, uri)
    storage.fetch(uri, copy)
    assert copy.stat().st_ino != sent.stat().st_ino

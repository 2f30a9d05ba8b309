"""A day's folder in S3 as other people's writers leave it: what of it is read, what is said, what stops the night."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.documents.plan import Plan
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.storage import StorageRefused
from tasks.base.errors import SchemaDrift
from tasks.base.paths import DayPaths, RunPaths
from tasks.intake.ingest import ingest
from tasks.intake.validate import validate
from tasks.past_days.backfill.day_states import Wanted, survey
from tests import factories

NOON_MS = int(factories.NOON.timestamp()) * 1000


class Day:
    """A day's folder in the sandbox's S3."""

    def __init__(self, sandbox: Sandbox) -> None:
        roots = {name: f"s3://moderation-{name}" for name in ("output", "batch")}
        self.settings = factories.settings(
            comments_uri="s3://moderation-input/comments",
            labels_uri="s3://moderation-input/labels",
            output_uri=roots["output"],
            batch_uri=roots["batch"],
            max_rejected_fraction=1.0,
        )
        self.folder = DayPaths(self.settings, factories.RUN_DATE).comments
        self._s3 = sandbox.s3

    def put(self, name: str, body: bytes, **how: Any) -> str:
        """Store an object of the day; its URI."""
        uri = f"{self.folder}/{name}"
        self._s3.put_object(Bucket="moderation-input", Key=uri.partition("moderation-input/")[2], Body=body, **how)
        return uri

    def plan(self) -> Plan:
        return ingest.fn(self.settings, factories.RUN_DATE, factories.RUN_ID, factories.NOW)

    def frame(self, name: str) -> pl.DataFrame:
        """A frame of the run, after its validation."""
        paths = RunPaths(self.settings, factories.RUN_DATE, factories.RUN_ID)
        return pl.read_parquet(adapters.connect(self.settings).storage.get(paths.work(name)) or b"")


@pytest.fixture
def day(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Day:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return Day(sandbox)


def body(*ids: str, **columns: pa.Array) -> bytes:
    """Comments with these ids, and these columns in the place of their own or beside them."""
    table = factories.comments(*({"comment_id": one} for one in ids)).to_arrow()
    for name, column in columns.items():
        place = table.schema.get_field_index(name)
        table = table.append_column(name, column) if place < 0 else table.set_column(place, name, column)
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def test_a_day_is_read_by_one_rule(day: Day) -> None:
    """Athena's objects, other cases and partitions are read, each row under its own key; the rest is said."""
    day.put("20261119_030000_00012_abcde", body("a"))
    day.put("B.PARQUET", body("b"))
    day.put("hour=05/part-0.parquet", body("c", "d"))
    day.put("hour=06/part-0.parquet", body("e"))
    day.put("hour=06/", b"")
    day.put("_SUCCESS", b"")
    day.put("README", b"this is a text")
    day.put("x.parquet/part-0.parquet", body("x"))
    plan = day.plan()
    names = [item.uri.removeprefix(f"{day.folder}/") for item in plan.inputs]
    read = ["20261119_030000_00012_abcde", "B.PARQUET", "hour=05/part-0.parquet", "hour=06/part-0.parquet"]
    assert names == read
    (warning,) = plan.warnings
    assert warning.startswith(f"2 objects in {day.folder}/ are not read: README, x.parquet/part-0.parquet (")
    assert validate.fn(day.settings, plan).valid_count == 5
    rows = day.frame("valid").sort("comment_id").select("comment_id", "source_object", "source_row").rows()
    assert rows == [
        ("a", f"{day.folder}/{read[0]}", 0),
        ("b", f"{day.folder}/{read[1]}", 0),
        ("c", f"{day.folder}/{read[2]}", 0),
        ("d", f"{day.folder}/{read[2]}", 1),
        ("e", f"{day.folder}/{read[3]}", 0),
    ]


def test_what_is_wrong_with_a_row_is_its_own(day: Day) -> None:
    """An absurd time, guests without a user, a zone of nobody's: each row has its own reason, in one night."""
    times = pa.array([NOON_MS, 2**63 - 1]).view(pa.timestamp("ms", "UTC"))
    day.put("absurd.parquet", body("a", "b", posted_at=times))
    day.put("guests.parquet", body("c", "d", "e", user_id=pa.nulls(3)))
    zone = pa.array([NOON_MS]).view(pa.timestamp("ms", "+05:30"))
    day.put("zone.parquet", body("f", posted_at=zone, exported_at=zone))
    summary = validate.fn(day.settings, day.plan())
    assert (summary.ingested_count, summary.valid_count) == (6, 2)
    assert summary.rejected_counts == {"outside_day": 1, "bad_id": 3}
    rejected = day.frame("rejected").sort("comment_id")
    assert rejected.select("comment_id", "posted_at", "reason").row(0) == ("b", None, "outside_day")


@pytest.mark.parametrize("name", ["part-1.parquet", "000001_0"])
def test_an_archived_object_stops_the_night_by_name(day: Day, name: str) -> None:
    """One line with the object's URI and what helps, whether or not its name says what it is."""
    day.put("part-0.parquet", body("a"))
    uri = day.put(name, body("b"), StorageClass="GLACIER")
    with pytest.raises(StorageRefused, match=rf"^read {uri}: InvalidObjectState: .*; restore it \(aws s3api restore"):
        day.plan()


def test_an_archived_object_hides_no_other_day(day: Day) -> None:
    """A backfill sees such a day as one with input: the day itself says later what is wrong with it."""
    day.put("000001_0", body("b"), StorageClass="GLACIER")
    outside = adapters.connect(day.settings)
    (found,) = survey(outside, day.settings, [factories.RUN_DATE], Wanted("m", "p"))
    assert len(found.inputs) == 1


def test_an_object_that_is_no_parquet_stops_the_night_by_name(day: Day) -> None:
    """An upload that failed leaves an object of no bytes."""
    uri = day.put("x.parquet", b"")
    with pytest.raises(SchemaDrift, match=rf"^{uri}: not a readable Parquet file \(Parquet file size is 0 bytes\)$"):
        day.plan()

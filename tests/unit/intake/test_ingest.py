"""The plan of a night: which objects, which schema, and what decides the verdicts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.base.errors import InputAbsent, PromptInvalid, SchemaDrift, UnsupportedModel
from tasks.intake.footers import check_schema, count_rows
from tasks.intake.ingest import ingest
from tasks.reports.log_lines import describe_step
from tests import factories

SCHEMA = pa.schema(
    {
        "comment_id": pa.string(),
        "posted_at": pa.timestamp("us", "UTC"),
        "product_id": pa.string(),
        "user_id": pa.string(),
        "text": pa.string(),
        "rating": pa.int64(),
    }
)


def retyped(column: str, dtype: pa.DataType) -> pa.Schema:
    return SCHEMA.set(SCHEMA.get_field_index(column), pa.field(column, dtype))


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(SCHEMA, id="the-contract's-own"),
        pytest.param(SCHEMA.append(pa.field("extra", pa.map_(pa.string(), pa.int64()))), id="extra-column"),
        pytest.param(pa.schema(list(reversed(SCHEMA))), id="other-order"),
        *(pytest.param(retyped("rating", dtype), id=f"rating-{dtype}") for dtype in (pa.int8(), pa.uint8())),
        *(pytest.param(retyped("rating", dtype), id=f"rating-{dtype}") for dtype in (pa.uint64(), pa.float32())),
        pytest.param(retyped("rating", pa.float64()), id="rating-double"),
        pytest.param(retyped("rating", pa.null()), id="rating-always-null"),
        *(
            pytest.param(retyped("posted_at", pa.timestamp(unit, zone)), id=f"posted-at-{unit}-{zone}")
            for unit, zone in (("s", "UTC"), ("ms", "Asia/Tokyo"), ("ns", "+09:00"), ("us", "JST"), ("us", "tzlocal()"))
        ),
        pytest.param(retyped("text", pa.large_string()), id="text-large"),
        pytest.param(retyped("text", pa.string_view()), id="text-view"),
        pytest.param(retyped("product_id", pa.dictionary(pa.int32(), pa.string())), id="product-categorical"),
        *(pytest.param(retyped(name, pa.null()), id=f"{name}-without-a-type") for name in SCHEMA.names),
        pytest.param(SCHEMA.append(pa.field("Comment_ID", pa.int64())), id="another-column-but-for-its-case"),
        pytest.param(
            SCHEMA.append(pa.field("extra", pa.int64())).append(pa.field("extra", pa.month_day_nano_interval())),
            id="extra-columns-of-one-name",
        ),
    ],
)
def test_a_type_that_can_stand_for_the_contract_is_no_drift(schema: pa.Schema) -> None:
    """Any integer width, any time unit with a zone, float ratings, encoded text, no type at all, extra columns."""
    check_schema(schema, "s3://in/a.parquet")


@pytest.mark.parametrize("column", SCHEMA.names)
def test_a_missing_column_is_drift(column: str) -> None:
    """A missing column stops the night, naming file, column and what was expected."""
    with pytest.raises(SchemaDrift, match=rf"^s3://in/a\.parquet: column {column} is missing \(expected .+\)$"):
        check_schema(SCHEMA.remove(SCHEMA.get_field_index(column)), "s3://in/a.parquet")


@pytest.mark.parametrize(
    ("column", "dtype", "expected", "found"),
    [
        pytest.param("posted_at", pa.timestamp("us"), "timestamp with a time zone", "timestamp[us]", id="naive-time"),
        pytest.param("posted_at", pa.string(), "timestamp with a time zone", "string", id="text-time"),
        pytest.param("posted_at", pa.int64(), "timestamp with a time zone", "int64", id="epoch-time"),
        pytest.param("posted_at", pa.date32(), "timestamp with a time zone", "date32[day]", id="date-for-time"),
        pytest.param("rating", pa.string(), "integer", "string", id="text-rating"),
        pytest.param("rating", pa.bool_(), "integer", "bool", id="boolean-rating"),
        pytest.param("rating", pa.decimal128(3, 1), "integer", "decimal128(3, 1)", id="decimal-rating"),
        pytest.param("text", pa.binary(), "string", "binary", id="binary-text"),
        pytest.param("text", pa.binary_view(), "string", "binary_view", id="binary-view-text"),
        pytest.param("text", pa.struct({"text": pa.string()}), "string", "struct<text: string>", id="nested-text"),
        pytest.param("comment_id", pa.decimal128(20, 0), "string", "decimal128(20, 0)", id="decimal-id"),
        pytest.param("text", pa.list_(pa.string()), "string", "list<item: string>", id="list-of-text"),
        pytest.param("comment_id", pa.int64(), "string", "int64", id="integer-id"),
    ],
)
def test_a_retyped_column_is_drift(column: str, dtype: pa.DataType, expected: str, found: str) -> None:
    """A type that cannot stand for the contract's stops the night: file, column, expected, found."""
    with pytest.raises(SchemaDrift) as error:
        check_schema(retyped(column, dtype), "s3://in/a.parquet")
    assert str(error.value) == f"s3://in/a.parquet: column {column} is {found}, expected {expected}"


def test_a_column_that_stands_there_twice_is_drift() -> None:
    """Parquet allows two columns of one name; nobody can tell which is meant."""
    with pytest.raises(SchemaDrift, match=r"^s3://in/a\.parquet: column text stands there twice"):
        check_schema(SCHEMA.append(pa.field("text", pa.string())), "s3://in/a.parquet")


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_rows_are_counted_from_the_footer(rows: int) -> None:
    """A file's rows are known without reading them; an empty file is a file."""
    file = io.BytesIO()
    pq.write_table(pa.table(factories.comments(*({},) * rows).to_arrow()).cast(SCHEMA), file)
    assert count_rows(file, "s3://in/a.parquet") == rows


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"comment_id,text\n", id="csv"),
        pytest.param(b"PAR1" + b"x" * 20 + (16).to_bytes(4, "little") + b"PAR1", id="garbled-footer"),
        pytest.param(b"PAR1" + b"x" * 20 + (10**6).to_bytes(4, "little") + b"PAR1", id="cut-off"),
    ],
)
def test_what_is_no_parquet_is_drift(body: bytes) -> None:
    """An object that cannot be read as Parquet stops the night by name, without a traceback's lines."""
    with pytest.raises(SchemaDrift, match=r"^s3://in/a\.parquet: not a readable Parquet file \([^\n]+\)$"):
        count_rows(io.BytesIO(body), "s3://in/a.parquet")


def test_a_broken_read_is_not_drift() -> None:
    """A connection that breaks while a footer is read is no fault of the file."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("connection reset")

    with pytest.raises(OSError, match="connection reset"):
        count_rows(Broken(b"PAR1" * 10), "s3://in/a.parquet")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"run_id": "another"}, id="run"),
        pytest.param({"planned_at": factories.NOON}, id="time"),
        pytest.param({"settings": factories.plan().settings | {"max_cost_usd": 1.0}}, id="budget"),
        pytest.param({"epoch": 1}, id="epoch"),
    ],
)
def test_what_decides_no_verdict_leaves_the_plan_the_same(change: dict[str, Any]) -> None:
    """Another run of the same day with the same inputs, prompt, model and rules has the same hash, in any epoch."""
    assert factories.plan(**change).sha256 == factories.plan().sha256


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"run_date": factories.RUN_DATE.replace(day=20)}, id="day"),
        pytest.param({"inputs": ()}, id="no-object"),
        pytest.param({"inputs": (factories.input_object(etag="e2"),)}, id="replaced-object"),
        pytest.param({"inputs": (factories.input_object(),) * 2}, id="one-more-object"),
        pytest.param({"model_id": "anthropic.claude-opus-5"}, id="model"),
        pytest.param({"invocation_type": "Converse"}, id="invocation"),
        pytest.param({"prompt_sha256": "c" * 64}, id="prompt"),
        pytest.param({"settings": factories.plan().settings | {"timezone": "UTC"}}, id="time-zone"),
        pytest.param({"settings": factories.plan().settings | {"max_text_chars": 9}}, id="row-rule"),
        pytest.param({"settings": factories.plan().settings | {"deduplicate": False}}, id="deduplication"),
    ],
)
def test_what_decides_a_verdict_makes_another_plan(change: dict[str, Any]) -> None:
    """Whatever may change a verdict changes the hash, so that the day is not taken for published."""
    assert factories.plan(**change).sha256 != factories.plan().sha256


def test_a_plan_survives_its_file() -> None:
    """A plan read back from plan.json is the plan."""
    plan = factories.plan()
    read = Plan.model_validate_json(plan.model_dump_json())
    assert (read, read.sha256, read.row_count) == (plan, plan.sha256, 3)


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The day's folder below local roots."""
    monkeypatch.setattr(adapters, "connect", lambda _: factories.local_adapters())
    folder = tmp_path / "comments" / f"date={factories.RUN_DATE}"
    folder.mkdir(parents=True)
    return folder


def run(root: Path, **overrides: Any) -> Plan:
    settings = factories.settings(root, **overrides)
    return ingest.fn(settings, factories.RUN_DATE, factories.RUN_ID, factories.NOW)


def test_the_plan_pins_every_object_of_the_day(day: Path, tmp_path: Path) -> None:
    """Objects are in order of key, each with etag, size and rows; the plan is on record without secrets."""
    factories.comments({}, {}).write_parquet(day / "b.parquet")
    factories.comments({}).write_parquet(day / "a.parquet")
    (day / "_SUCCESS").touch()
    plan = run(tmp_path, alert_urls=("json://hunter2@host",))
    assert [(Path(item.uri).name, item.row_count) for item in plan.inputs] == [("a.parquet", 1), ("b.parquet", 2)]
    assert [item.size_bytes for item in plan.inputs] == [
        (day / name).stat().st_size for name in ("a.parquet", "b.parquet")
    ]
    stored = (tmp_path / "output" / "runs" / str(factories.RUN_DATE) / factories.RUN_ID / "plan.json").read_text()
    assert Plan.model_validate_json(stored) == plan
    assert "hunter2" not in stored


def test_planning_again_gives_the_same_plan(day: Path, tmp_path: Path) -> None:
    """Unchanged inputs give equal plans; an object with other bytes gives another."""
    factories.comments({}).write_parquet(day / "a.parquet")
    first, again = run(tmp_path), run(tmp_path)
    factories.comments({"text": "another"}).write_parquet(day / "a.parquet")
    assert first == again
    assert run(tmp_path).sha256 != first.sha256


def test_a_day_without_objects_is_absent(day: Path, tmp_path: Path) -> None:
    """No Parquet object under the day's prefix: the night stops, naming the prefix."""
    (day / "_SUCCESS").touch()
    with pytest.raises(InputAbsent, match=rf"^no input: {day}/ has no comments file$"):
        run(tmp_path)
    (day / "part-0.csv").write_text("comment_id,text")
    with pytest.raises(InputAbsent, match=rf"1 objects in {day}/ are not read: part-0\.csv \(read are"):
        run(tmp_path)


def test_what_is_not_read_is_on_record(day: Path, tmp_path: Path) -> None:
    """The plan warns of visible objects that are no comments files, and is the same plan without them."""
    factories.comments({}).write_parquet(day / "a.parquet")
    before = run(tmp_path)
    (day / "b.csv").write_text("comment_id,text")
    (day / "c.parquet").mkdir()
    factories.comments({}).write_parquet(day / "c.parquet" / "part-0.parquet")
    plan = run(tmp_path)
    rule = "read are *.parquet, Parquet without a suffix, and both in subfolders key=value"
    assert plan.warnings == (f"2 objects in {day}/ are not read: b.csv, c.parquet/part-0.parquet ({rule})",)
    assert plan.warnings[0] in describe_step("ingest", plan, 1.0)
    assert (before.warnings, plan.sha256) == ((), before.sha256)


def test_a_plan_of_an_earlier_version_is_read(day: Path, tmp_path: Path) -> None:
    """A plan.json that was written before plans had warnings is the same plan."""
    factories.comments({}).write_parquet(day / "a.parquet")
    plan = run(tmp_path)
    stored = json.loads(plan.model_dump_json())
    del stored["warnings"]
    assert Plan.model_validate(stored).sha256 == plan.sha256


def test_a_day_with_no_rows_is_a_day(day: Path, tmp_path: Path) -> None:
    """Objects without rows make an empty plan, not an absent day."""
    factories.comments().write_parquet(day / "a.parquet")
    assert run(tmp_path).row_count == 0


def test_one_drifted_object_stops_the_night(day: Path, tmp_path: Path) -> None:
    """Every object is checked, not the first alone."""
    factories.comments({}).write_parquet(day / "a.parquet")
    factories.comments({}).drop("text").write_parquet(day / "b.parquet")
    with pytest.raises(SchemaDrift, match=rf"{day}/b\.parquet: column text is missing"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        pytest.param({"prompt_version": "v999"}, PromptInvalid, id="no-such-prompt"),
        pytest.param({"model_id": "cohere.embed-v4:0"}, UnsupportedModel, id="no-such-family"),
        pytest.param({"invocation_type": "InvokeModel", "model_id": "meta.llama3"}, UnsupportedModel, id="no-own-body"),
    ],
)
@pytest.mark.usefixtures("day")
def test_prompt_and_model_are_checked_before_the_input(
    overrides: dict[str, Any], error: type[Exception], tmp_path: Path
) -> None:
    """A prompt or model that cannot be used is wrong usage, whatever the day holds."""
    with pytest.raises(error):
        run(tmp_path, **overrides)


def test_frames_of_the_factories_keep_the_contract() -> None:
    """The rows that tests are made of are legal input."""
    frame = factories.comments({}, {"rating": None})
    check_schema(frame.to_arrow().schema, "factories")
    assert frame.schema["posted_at"] == pl.Datetime("us", "UTC")

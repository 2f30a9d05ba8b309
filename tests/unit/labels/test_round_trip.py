"""Requests drawn, handed out, answered, taken back and measured by the next night: in each form, by the commands."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from data_contracts.tables.label_requests import LABEL_REQUESTS, Stratum
from data_contracts.tables.labels import LABELS
from flows.__main__ import app
from flows.command_line import last_words
from tasks import adapters
from tasks.adapters.storage import Storage, StorageRefused
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.labels.progress.show_status import label_status
from tasks.labels.remeasure_late_labels import remeasure_late_labels
from tasks.labels.sample.day_requests import RequestSummary, publish_requests
from tests.factories import ROLE_ARN
from tests.measured_nights import metrics_of, publish_night, publish_verdicts, verdict, verdicts_frame

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
#: 20 flagged, 30 borderline, 50 clear.
COUNTS = {Stratum.FLAGGED: 20, Stratum.BORDERLINE: 30, Stratum.CLEAR: 50}


def text_of(comment_id: str) -> str:
    """What a comment says: some of it is hard on spreadsheets."""
    return {"0": "=1+1", "1": 'a "quoted", text', "2": "two\nlines", "3": "値段が高い"}.get(
        comment_id[-1], "fine"
    ) + comment_id


def is_wrong(comment_id: str) -> bool:
    """Whether the verdict on it is: two flagged ones are no violations, and one clear comment is one."""
    return comment_id in ("flagged3", "flagged4", "clear7")


def day_verdicts(run_id: str = "run-1", **overrides: Any) -> pl.DataFrame:
    """The day's verdicts."""
    rows = []
    for stratum, count in COUNTS.items():
        for number in range(count):
            name = f"{stratum}{number}"
            flagged = stratum is Stratum.FLAGGED
            facts: dict[str, Any] = {"violation": flagged, "category": "spam" if flagged else "none"}
            facts |= {"confidence": 0.5 if stratum is Stratum.BORDERLINE else 0.95, "run_id": run_id}
            rows.append(verdict(name, **facts, text_sha256=hashlib.sha256(normal(text_of(name)).encode()).hexdigest()))
    return verdicts_frame(rows).with_columns(**overrides)


def normal(text: str) -> str:
    """The text as it is hashed."""
    return " ".join(text.split())


class Site:
    """A published day of a hundred comments, and the command line."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("comments", "labels", "output", "batch"):
            monkeypatch.setenv(f"MODERATION_{name.upper()}_URI", str(folder / name))
        monkeypatch.setenv("MODERATION_ROLE_ARN", ROLE_ARN)
        monkeypatch.setenv("MODERATION_SAMPLING_SALT", "a salt of the tests")
        monkeypatch.setenv("MODERATION_LABEL_REQUESTS", '{"flagged": 10, "borderline": 10, "clear": 20}')
        monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
        self.folder, self.settings, self.paths = folder, Settings.load(), DayPaths(Settings.load(), DAY)
        self.outside = adapters.connect(self.settings)
        ids = [f"{stratum}{number}" for stratum, count in COUNTS.items() for number in range(count)]
        rows = {"comment_id": ids, "text": [text_of(name) for name in ids], "posted_at": [NOW] * len(ids)}
        # The same id again, with another text: only one of them was judged.
        comments = pl.DataFrame(rows | {"product_id": "p", "user_id": "u", "rating": 5})
        twice = comments.head(5).with_columns(text=pl.lit("another"))
        Path(self.paths.comments).mkdir(parents=True)
        pl.concat([twice, comments]).write_parquet(f"{self.paths.comments}/part-0.parquet")
        self.publish(day_verdicts())
        publish_night(self.settings, DAY)

    def publish(self, verdicts: pl.DataFrame, run_id: str = "run-1", now: datetime = NOW) -> RequestSummary:
        """What a night does with a day's verdicts, as far as labels go."""
        publish_verdicts(self.settings, DAY, verdicts)
        file = self.folder / "verdicts.parquet"
        verdicts.write_parquet(file)
        note = {"run_id": run_id, "run_date": str(DAY)}
        return publish_requests(self.outside, RunPaths(self.settings, DAY, run_id), file, note, now, lambda: None)

    @property
    def requests(self) -> pl.DataFrame:
        """The day's requests; the plain object says the same."""
        uri = self.paths.lake(LABEL_REQUESTS.name)
        rows = self.outside.lake.scan(uri, LABEL_REQUESTS).filter(pl.col("date") == DAY).collect()
        assert pl.read_parquet(self.paths.plain(LABEL_REQUESTS.name)).sort("comment_id").equals(rows.sort("comment_id"))
        return rows.sort("comment_id")

    def labels(self) -> pl.DataFrame:
        """Every row of the day's label files."""
        files = sorted(Path(self.paths.labels).glob("*.parquet"))
        return pl.concat([LABELS.empty(), *(pl.read_parquet(file) for file in files)])

    def call(self, *arguments: str | Path) -> tuple[int, str, str]:
        """A call of `labels`: exit code, output, last line."""
        last_words.clear()
        done = CliRunner().invoke(app, ["labels", *map(str, arguments)])
        last = last_words[-1] if last_words else ""
        last_words.clear()
        return done.exit_code, done.output, last

    def export(self, name: str, form: str, *more: str) -> Path:
        """A file for a rater."""
        path = self.folder / name
        code, output, last = self.call("export", "--date", str(DAY), "--format", form, "--output", path, *more)
        assert code == 0, output + last
        return path

    def next_night(self) -> None:
        """The night after measures the day again."""
        remeasure_late_labels.fn(self.settings, DAY + timedelta(days=1), "run-2", LATER)

    def metric(self, name: str, part: str = "all") -> dict[str, Any]:
        """The latest row of a metric."""
        rows = metrics_of(self.settings, DAY).filter(pl.col("metric") == name, pl.col("slice") == part)
        return rows.sort("measured_at").row(-1, named=True)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A published day whose requests are drawn."""
    return Site(tmp_path, monkeypatch)


def truth(comment_id: str) -> tuple[bool, str]:
    """What a rater says of a comment."""
    violation = comment_id.startswith("flagged") != is_wrong(comment_id)
    return violation, "spam" if violation else "none"


def fill_csv(path: Path, rater: str) -> None:
    """A rater at work in a spreadsheet."""
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    for row in rows:
        violation, category = truth(row["comment_id"])
        writer.writerow(
            row | {"labeler": rater, "violation": str(violation).upper(), "category": category, "note": "ok"}
        )
    path.write_text(text.getvalue(), encoding="utf-8-sig", newline="")


def fill_jsonl(path: Path, rater: str) -> None:
    """A script."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    for row in rows:
        violation, category = truth(row["comment_id"])
        row |= {"labeler": rater, "violation": violation, "category": category}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def fill_parquet(path: Path, rater: str) -> None:
    """A notebook."""
    rows = pl.read_parquet(path).to_dicts()
    for row in rows:
        violation, category = truth(row["comment_id"])
        row |= {"labeler": rater, "violation": violation, "category": category}
    pl.DataFrame(rows).write_parquet(path)


def fill_label_studio(path: Path, rater: str) -> None:
    """Label Studio, whose export names the rater as an object."""
    tasks = json.loads(path.read_text(encoding="utf-8"))
    for task in tasks:
        violation, category = truth(task["data"]["comment_id"])
        chosen = [("violation", str(violation).lower()), *([("category", category)] if violation else [])]
        result = [
            {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [choice]}}
            for name, choice in chosen
        ]
        at = "2026-11-20T06:00:00Z"
        done = {"completed_by": {"id": 3, "email": rater}, "result": result, "was_cancelled": False, "created_at": at}
        task["annotations"] = [{"completed_by": 4, "was_cancelled": True, "result": []}, done]
    path.write_text(json.dumps(tasks), encoding="utf-8")


FILLED: dict[str, tuple[str, Callable[[Path, str], None]]] = {
    "csv": ("ann.csv", fill_csv),
    "jsonl": ("ann.jsonl", fill_jsonl),
    "parquet": ("ann.parquet", fill_parquet),
    "label-studio": ("ann.json", fill_label_studio),
}


@pytest.mark.parametrize("form", FILLED)
def test_from_the_draw_to_the_accuracy(form: str, site: Site) -> None:
    """What raters say of the sample is, weighted by its probabilities, what the next night says of the verdicts."""
    name, fill = FILLED[form]
    path = site.export(name, form, "--rater", "ann")
    fill(path, "ann")
    code, output, last = site.call("import", path)
    assert code == 0, output + last
    assert "40 labels of 2026-11-19" in output
    assert ("40 cancelled annotations" in output) == (form == "label-studio")
    written = site.labels().sort("comment_id")
    expected = site.requests.select("comment_id", "stratum", "inclusion_probability")
    assert written.select(expected.columns).equals(expected)
    assert written["source"].unique().to_list() == ["sample"]
    site.next_night()
    weights = {stratum: COUNTS[stratum] / count for stratum, count in zip(Stratum, (10, 10, 20), strict=True)}
    asked = site.requests.select("comment_id", "stratum").rows()
    wrong = sum(weights[Stratum(stratum)] for name, stratum in asked if is_wrong(name))
    accuracy = site.metric("accuracy")
    assert accuracy["value"] == pytest.approx(1 - wrong / 100)
    assert accuracy["n"] == 40
    assert "requests answered: flagged 10 of 10, borderline 10 of 10, clear 20 of 20" in accuracy["reason"]
    assert site.metric("label_error_rate")["value"] == 0


@pytest.mark.parametrize("form", FILLED)
def test_the_same_file_again_changes_nothing(form: str, site: Site) -> None:
    """No object is written, no label is doubled, and it is said."""
    name, fill = FILLED[form]
    path = site.export(name, form)
    fill(path, "ann")
    assert site.call("import", path)[0] == 0
    before = site.labels()
    code, output, _ = site.call("import", path)
    assert code == 0
    assert "imported before, nothing changed" in output
    assert site.labels().equals(before)


def test_raters_are_blind(site: Site) -> None:
    """No form says stratum, probability, purpose or verdict, in a column or by the order of its rows."""
    secret = {"stratum", "inclusion_probability", "purpose", "confidence", "predictions", "stratum_size"}
    for form, (name, _) in FILLED.items():
        body = site.export(name, form).read_bytes()
        assert not [word for word in secret if word.encode() in body]
    ids = [row["comment_id"] for row in csv.DictReader(io.StringIO((site.folder / "ann.csv").read_text("utf-8-sig")))]
    assert ids != sorted(ids)
    assert 3 < sum(name.startswith("clear") for name in ids[:20]) < 17


def test_what_is_left_for_whom(site: Site) -> None:
    """A rater is not asked twice; a request for two stays open to another one, and nothing is open in the end."""
    fill_csv(path := site.export("ann.csv", "csv", "--rater", "ann"), "ann")
    assert site.call("import", path)[0] == 0
    for_two = site.requests.filter(pl.col("rater_slots") == 2)["comment_id"].to_list()
    assert len(for_two) == 4
    assert exported_ids(site.export("again.csv", "csv", "--rater", "ann")) == set()
    path = site.export("ben.csv", "csv", "--rater", "ben")
    assert exported_ids(path) == set(for_two)
    fill_csv(path, "ben")
    assert site.call("import", path)[0] == 0
    assert exported_ids(site.export("all.csv", "csv")) == set()
    day, _ = label_status(site.settings, 28)
    assert (day.asked_count, day.answered_count, day.open_count, day.disputed_count) == (40, 40, 0, 0)
    assert (day.agreement.compared_count, day.agreement.agreed_count) == (4, 4)
    assert "2026-11-19" in site.call("status")[1]


def exported_ids(path: Path) -> set[str]:
    """The comments in a CSV file."""
    text = path.read_text(encoding="utf-8-sig")
    return {row["comment_id"] for row in csv.DictReader(io.StringIO(text, newline=""))}


def test_the_text_that_was_judged(site: Site) -> None:
    """Of two rows with one id the judged one is shown, to the letter; one that was replaced since is left out."""
    rows = list(csv.DictReader(io.StringIO(site.export("a.csv", "csv").read_text("utf-8-sig"), newline="")))
    assert {row["text"] for row in rows} == {text_of(row["comment_id"]) for row in rows}
    file = Path(site.paths.comments) / "part-0.parquet"
    changed = pl.when(pl.col("comment_id") == rows[0]["comment_id"]).then(pl.lit("new")).otherwise("text")
    pl.read_parquet(file).with_columns(text=changed).write_parquet(file)
    code, output, _ = site.call("export", "--date", str(DAY), "--output", site.folder / "b.csv")
    assert code == 0
    assert "1 more are open, and the input no longer holds the text" in output
    assert len(exported_ids(site.folder / "b.csv")) == 39


def test_a_file_with_answers_is_not_overwritten(site: Site) -> None:
    """A rater's work is not lost to a repeated export: only once it is imported, its file may go."""
    path = site.export("ann.csv", "csv", "--rater", "ann")
    site.export("ann.csv", "csv", "--rater", "ann")
    fill_csv(path, "ann")
    code, _, last = site.call("export", "--date", str(DAY), "--output", path)
    assert code == 2
    assert "holds 40 answers that were never imported" in last
    assert site.call("import", path)[0] == 0
    site.export("ann.csv", "csv", "--rater", "ben")


def put_csv(path: Path, *rows: str) -> Path:
    """A file by hand."""
    path.write_text(
        "\n".join(["date,comment_id,labeler,violation,category,labeled_at,source", *rows]), encoding="utf-8"
    )
    return path


def test_one_bad_row_and_nothing_is_written(site: Site) -> None:
    """Exit 2; every bad row of every file is told with its line, and no good row of any file is written."""
    good = site.export("good.jsonl", "jsonl")
    fill_jsonl(good, "ann")
    asked = site.requests["comment_id"][0]
    bad = put_csv(
        site.folder / "bad.csv",
        f"2026-11-19,{asked},ben,true,spam,,",
        f"2026-11-19,{asked},cy,maybe,spam,,",
        "2026-11-19,nobody,ben,true,spam,,",
        "2026-11-19,\x1b[31mnobody,ben,true,spam,,sample",
    )
    code, output, last = site.call("import", good, bad)
    assert code == 2
    assert "bad.csv line 3: violation is maybe" in output
    assert "bad.csv line 4: no label was ever asked for" in output
    assert "bad.csv line 5: source is sample" in output
    assert "\x1b" not in output + last
    assert last.startswith("labels import: 3 bad rows, nothing was written:")
    assert site.labels().is_empty()


def test_a_contradiction_in_a_file_is_a_bad_row(site: Site) -> None:
    """A rater who says both of one comment has made a mistake, and which answer is meant nobody can tell."""
    asked = site.requests["comment_id"][0]
    rows = [f"2026-11-19,{asked},ben,true,spam,,", f"2026-11-19,{asked},ben,false,,,"]
    code, output, _ = site.call("import", put_csv(site.folder / "a.csv", *rows))
    assert code == 2
    assert "line 3" in output
    assert "line 2 says something else" in output
    assert site.call("import", put_csv(site.folder / "b.csv", rows[0], rows[0]))[0] == 0
    assert len(site.labels()) == 1


def test_a_correction_counts(site: Site) -> None:
    """A corrected file is another object, whose later time counts; who goes back to the first is told how."""
    asked = site.requests["comment_id"][0]
    first = put_csv(site.folder / "first.csv", f"2026-11-19,{asked},ben,true,spam,,")
    assert site.call("import", first)[0] == 0
    assert site.call("import", put_csv(site.folder / "second.csv", f"2026-11-19,{asked},ben,false,,,"))[0] == 0
    assert len(site.labels()) == 2
    code, output, _ = site.call("import", first)
    assert code == 0
    assert "1 of them do not count" in output


def test_overturns_come_in_the_same_way(site: Site) -> None:
    """A row that was never asked for says how it came; an appeal is no part of the sample, though it was asked for."""
    asked = site.requests.filter(pl.col("stratum") == "flagged")["comment_id"][0]
    free = next(f"flagged{n}" for n in range(20) if f"flagged{n}" not in set(site.requests["comment_id"]))
    rows = [f"2026-11-19,{name},support,false,none,,overturn" for name in (asked, free)]
    upheld = next(f"flagged{n}" for n in range(20) if f"flagged{n}" not in (asked, free))
    rows += [f"2026-11-19,{upheld},support,true,spam,,overturn", "2026-11-19,clear1,support,true,spam,,overturn"]
    assert site.call("import", put_csv(site.folder / "appeals.csv", *rows))[0] == 0
    assert site.labels().select("source", "stratum", "inclusion_probability").unique().rows() == [
        ("overturn", None, None)
    ]
    site.next_night()
    rate = site.metric("overturn_rate")
    assert (rate["x"], rate["n"], rate["value"]) == (2, 20, 0.1)
    assert (rate["state"], rate["reason_code"]) == ("cannot_tell", "provisional")
    assert site.metric("accuracy")["value"] is None
    remeasure_late_labels.fn(site.settings, DAY + timedelta(days=14), "run-15", NOW + timedelta(days=14))
    assert site.metric("overturn_rate")["state"] == "learning"


def test_strata_without_labels_are_told(site: Site) -> None:
    """A sample with a hole says nothing of the comments there, and a part of it is provisional."""
    asked = site.requests.filter(pl.col("stratum") == "flagged")["comment_id"]
    rows = [f"2026-11-19,{name},ann,true,spam,," for name in asked]
    assert site.call("import", put_csv(site.folder / "part.csv", *rows))[0] == 0
    site.next_night()
    accuracy = site.metric("accuracy")
    assert (accuracy["state"], accuracy["reason_code"]) == ("cannot_tell", "provisional")
    assert "provisional: 10 of 40 requests are answered" in accuracy["reason"]
    assert "no labels of borderline and clear: of these comments it says nothing" in accuracy["reason"]


def test_labels_keep_the_probability_they_were_asked_with(site: Site) -> None:
    """A day that is judged again asks anew; answers to what was asked before come in as they were drawn."""
    path = site.export("ann.csv", "csv", "--rater", "ann")
    before = site.requests
    every_second = (pl.int_range(pl.len()) % 2 == 0) & (pl.col("confidence") > 0.9) & ~pl.col("violation")
    again = day_verdicts("run-9").with_columns(
        violation=every_second | pl.col("violation"),
        category=pl.when(every_second).then(pl.lit("spam")).otherwise("category"),
    )
    site.publish(again, "run-9", LATER)
    gone = set(before["comment_id"]) - set(site.requests["comment_id"])
    assert gone, "the flips moved comments from one stratum to another"
    stayed = site.requests.join(before, on="comment_id", suffix="_before")
    assert stayed["requested_at"].unique().to_list() == [NOW]
    fill_csv(path, "ann")
    code, output, last = site.call("import", path)
    assert code == 0, output + last
    drawn = dict(before.select("comment_id", "inclusion_probability").iter_rows())
    drawn |= dict(site.requests.select("comment_id", "inclusion_probability").iter_rows())
    assert dict(site.labels().select("comment_id", "inclusion_probability").iter_rows()) == {
        name: drawn[name] for name in before["comment_id"]
    }


def test_a_day_drawn_again_is_the_same(site: Site) -> None:
    """A rerun, or a restore, leaves the requests as they were; what others asked for stays where it is."""
    before = site.requests
    other = before.head(1).with_columns(purpose=pl.lit("disagreement"), comment_id=pl.lit("clear9"))
    rows = pl.concat([before, other]).to_arrow().cast(LABEL_REQUESTS.arrow_schema).to_batches()
    site.outside.lake.replace_day(site.paths.lake(LABEL_REQUESTS.name), LABEL_REQUESTS, DAY, rows, {})
    site.publish(day_verdicts(), "run-1", LATER)
    assert site.requests.filter(pl.col("purpose") == "sample").equals(before)
    assert site.requests.filter(pl.col("purpose") == "disagreement").equals(other)


def test_without_a_salt_one_is_made_once(site: Site) -> None:
    """It is kept for all nights to come, and is in no plan."""
    free = site.settings.model_copy(update={"sampling_salt": None})
    site.settings = free
    site.publish(day_verdicts())
    first = site.requests
    stored = Path(site.settings.output_uri) / "state/salt.json"
    salt = json.loads(stored.read_text())["salt"]
    assert len(salt) == 64
    site.publish(day_verdicts())
    assert site.requests.equals(first)
    assert json.loads(stored.read_text())["salt"] == salt


def test_no_labels_are_asked_for(site: Site) -> None:
    """With all counts 0 the day's requests are left as they are."""
    before = site.requests
    none = site.settings.label_requests.model_copy(update={"flagged": 0, "borderline": 0, "clear": 0})
    site.settings = site.settings.model_copy(update={"label_requests": none})
    assert site.publish(day_verdicts("run-9"), "run-9").is_off
    assert site.requests.equals(before)


def test_who_may_not_write_is_told_in_one_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1, with what was refused."""
    path = site.export("ann.csv", "csv")
    fill_csv(path, "ann")

    def refused(storage: Storage, uri: str, body: bytes) -> bool:
        raise StorageRefused(f"write {uri}: AccessDenied: Access Denied")

    monkeypatch.setattr(Storage, "put_if_absent", refused)
    code, _, last = site.call("import", path)
    assert code == 1
    assert last.startswith("labels import: write ")
    assert "AccessDenied" in last
    assert "\n" not in last


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["import", "labels.xlsx"], "must end in .csv", id="a workbook"),
        pytest.param(["import", "nowhere.csv"], "No such file", id="no file"),
        pytest.param(["export", "--date", str(DAY), "--output", "x.csv", "--format", "xml"], "none of csv", id="form"),
        pytest.param(
            ["export", "--date", str(DAY), "--output", "x.txt"], "ends in .csv", id="a name that says no form"
        ),
    ],
)
def test_wrong_calls(arguments: list[str], told: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2, and what to change."""
    monkeypatch.chdir(site.folder)
    code, _, last = site.call(*arguments)
    assert code == 2
    assert told in last


def test_a_day_without_requests(site: Site) -> None:
    """It is said, and the file is there with its header."""
    code, output, _ = site.call("export", "--date", "2026-11-18", "--output", site.folder / "x.csv")
    assert code == 0
    assert "no labels were asked for of 2026-11-18" in output

"""What the command line prints at the end of a night."""

from __future__ import annotations

from data_contracts.documents.summary import Night
from data_contracts.documents.trust import Answer, Said, Trust
from tasks.jobs.collection import CollectionSummary
from tasks.reports.log_lines import describe_step
from tasks.reports.night_summary import TERMINAL_COLUMNS, describe_night, describe_terminal, headline
from tests.sample_nights import (
    HOSTILE,
    INVISIBLE,
    a_night,
    compared,
    estimated,
    hostile_night,
    many_metrics,
    metric,
    unknown_price,
)

EXPECTED = """\
Night of 2026-11-19, published by run 20261119T200000-1a2b3c4d
balance     11,921 ingested = 11,788 valid + 133 rejected
            11,788 verdicts for 11,788 valid comments
rejected    61 blank_text, 40 null_text, 20 duplicate_id, 12 bad_id
verdicts    11,762 judged, 8 malformed, 7 missing, 11 refused
            990 violations, 544 judged as duplicates
            26 without a verdict are on the review list
accuracy    91.2% (95% interval 87.6% to 94.8%), n 250 sample labels
drift       12 ok, 2 degraded, 1 cannot tell, 1 no data, 1 learning
            degraded: violation_rate 8.42%, expected 6.11%, since 2026-11-17
            degraded: violation_category_share category=spam 52.0%, expected 37.1%, since 2026-11-19
dollars     actual $7.42, estimated $7.80, per 1,000 comments $0.6297
tokens      7,822,331 read, estimated 7,901,000 from Bedrock's own count of a sample
            431,209 written, estimated 451,000
alerts      nightly 2026-11-19: 2 measures degraded (outputs)
            not delivered: json (alert URL 2): the channel did not take the message
paths
  verdicts  s3://moderation-output/verdicts/date=2026-11-19/verdicts.parquet
  lake      s3://moderation-output/lake/verdicts
  run       s3://moderation-output/runs/2026-11-19/20261119T200000-1a2b3c4d
  report    s3://moderation-output/runs/2026-11-19/20261119T200000-1a2b3c4d/report.html"""


def test_a_night_reads_as_a_summary() -> None:
    """Balance, verdicts, accuracy with n and interval, drift, dollars, alerts and paths, aligned."""
    assert describe_terminal(a_night()) == EXPECTED


def test_warnings_are_told_at_the_end() -> None:
    """What was found before the first job stands in the summary, however long it is."""
    shown = " ".join(describe_terminal(a_night(warnings=["the model ends on 2027-01-01", "no price"])).split())
    assert "warnings the model ends on 2027-01-01 no price paths" in shown


def test_the_page_of_the_run_begins_with_what_is_wrong() -> None:
    """Degraded measures, warnings and alerts stand above the table, whose cells Prefect cuts off at its width."""
    page = describe_night(a_night(warnings=["the model ends on 2027-01-01"]))
    head, _, table = page.partition("| what | the night |")
    for said in (
        "degraded: violation\\_rate 8.42%",
        "model ends on 2027",
        "nightly 2026-11-19: 2 measures",
        "not delivered",
    ):
        assert said in head
    assert max(map(len, table.partition("\n\n")[0].splitlines())) < 110
    assert describe_night(a_night(metrics=[], alerts={})).startswith("# Night of 2026-11-19\n\n| what")


def test_a_slice_is_no_markup_on_the_page_of_the_run() -> None:
    """What comes from outside is shown letter by letter."""
    slices = "product=![x](http://a.example/b.png)<img src=x>"
    page = describe_night(a_night(metrics=[compared("product_share", slices, 0.1, 0.02, 0.004, state="degraded")]))
    assert "![x](" not in page
    assert "<img" not in page.replace("\\<", "")


def test_a_night_is_told_in_a_line() -> None:
    """How much, how many for people, what is wrong, what it cost."""
    expected = "11,788 verdicts, 990 violations, 26 to review, degraded: 2, $7.42"
    assert headline(a_night()) == expected


def test_what_is_no_night_is_said_as_it_is() -> None:
    """Nothing to do says so, and a flow's own words are passed on."""
    assert describe_terminal(None) == "published already: nothing to do"
    assert describe_terminal("3 days published") == "3 days published"


def test_planted_labels_are_named() -> None:
    """Without sample labels the accuracy is that of planted ones, and says so."""
    few = estimated("accuracy", "all", 0.9, 20, 0.1, state="cannot_tell", reason_code="provisional")
    assert "provisional, more labels are to come" in " ".join(describe_terminal(a_night(metrics=[few])).split())
    rows = [metric("accuracy", state="no_data", n=0), estimated("accuracy", "source=planted", 0.955, 40, 0.07)]
    shown = " ".join(describe_terminal(a_night(metrics=rows)).split())
    assert "95.5% (95% interval 88.5% to 100%), n 40 planted labels; no sample labels have come for this day" in shown


def test_unknown_cost_is_never_dollars() -> None:
    """A night without a known price shows no amount."""
    shown = describe_terminal(a_night(**unknown_price()))
    assert "actual unknown, estimated unknown, per 1,000 comments unknown" in shown
    assert "$" not in shown


def test_many_degraded_metrics_are_counted() -> None:
    """Ten are named, the rest is a number."""
    shown = describe_terminal(a_night(metrics=many_metrics()))
    assert shown.count(" degraded: ") == 10
    assert "and 6 more, in the report" in shown


def test_no_line_is_wider_than_the_terminal() -> None:
    """Long ids are cut and wrapped, and a wide character counts as two."""
    wide = compared("product_share", f"product={'商' * 90}", 0.1, 0.02, 0.004, state="degraded", since="2026-11-19")
    for line in describe_terminal(a_night(metrics=[wide])).splitlines():
        assert len(line) + line.count("商") <= TERMINAL_COLUMNS


def test_a_terminal_obeys_nothing() -> None:
    """No escape sequence, control or bidirectional mark reaches the terminal from an id or a message."""
    for text in HOSTILE:
        assert not INVISIBLE.search(describe_terminal(hostile_night(text)))


def test_a_stage_is_one_visible_line() -> None:
    """Whatever Bedrock says of a job, the stage's log line is one line of bounded length without colours."""
    messages = ("ended:\x1b[31m\n2026-11-19 | INFO | all is well\u2028", "x" * 10_000)
    summary = CollectionSummary(job_count=2, status_counts={}, missing_count=0, cost_usd=None, messages=messages)
    line = describe_step("collect_answers", summary, 1.0)
    assert line.isprintable()
    assert "all is well" in line
    assert len(line) < 5_000
    assert describe_step("find", "one\n\x1b[2Jtwo\u2028three", 1.0) == "find: one [2Jtwo three (1.0 s)"


def trusted(code: str, command: str | None = None) -> Night:
    """A night that says of itself whether it can be trusted."""
    facts = {"value": 0.912, "n": 250, "day": "2026-11-19", "low": 0.876, "high": 0.948}
    reasons = (Said(code="agrees", facts=facts),)
    trust = Trust(answer=Answer.YES, reasons=reasons, step=Said(code=code, facts={"lacking": 26}), command=command)
    return a_night().model_copy(update={"trust": trust})


def test_whether_it_can_be_trusted_comes_first() -> None:
    """The terminal begins with the answer, and says what to do where something is to be done."""
    lines = describe_terminal(trusted("nothing")).splitlines()
    assert lines[1] == (
        "trust       Yes. Verdicts agree with 91.2% of 250 labels of 2026-11-19 (87.6% to 94.8%), as before."
    )
    assert lines[2].startswith("balance")
    text = " ".join(describe_terminal(trusted("ask_again", "python -m flows backfill")).split())
    assert "only these are paid for. python -m flows backfill balance" in text


def test_the_runs_page_asks_the_reports_question() -> None:
    """The answer, what to do and its command stand above the table, in the setting's language."""
    page = describe_night(trusted("ask_again", "python -m flows backfill"))
    assert page.index("**Can the verdicts of this night be trusted? Yes.") < page.index("| what |")
    assert "\n`python -m flows backfill`\n" in page
    assert "**この夜の判定は信頼できますか 信頼できます。" in describe_night(trusted("nothing"), "ja")


def test_the_runs_page_is_japanese_where_the_setting_says_so() -> None:
    """Headings, counts of states and the amounts; what tables call their values stays as queries have it."""
    page = describe_night(a_night(metrics=[]), "ja")
    assert page.startswith("# 2026-11-19 の夜間処理\n")
    assert "| 項目 | この夜 |" in page
    assert "| 変動 | 測定なし |" in page
    assert "見積もり" in page

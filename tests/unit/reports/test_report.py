"""The night's report: what it says, and that nothing in it can act on its reader."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from data_contracts.documents.balance import Balance
from data_contracts.documents.golden import GoldenComparison, GoldenNight, GoldenSetup
from data_contracts.documents.ledger import EntryState
from data_contracts.documents.quality import ConfusionMatrix, QualityFigure
from data_contracts.documents.summary import Night
from data_contracts.documents.why import Basis, Cause, CausePart, Change, Period, SliceChange, Why
from data_contracts.tables.metrics import MetricRow
from data_contracts.tables.verdicts import Status
from tasks.base.figures import dollars, percent
from tasks.base.safe_text import brief, inert
from tasks.reports.charts.series import Span
from tasks.reports.open_alerts import OpenAlert
from tasks.reports.report import Surroundings, job_order, render_report
from tasks.reports.report_parts import (
    drift,
    drift_mark,
    headline_accuracy,
    nights_since,
    quality,
    rests_on_few,
)
from tasks.reports.trail import PublishedNight, Trail
from tasks.reports.trust import Evidence, decide
from tasks.reports.words.say import say_in
from tests.reported_month import CHANGED, SALE_BEGINS, SALE_ENDS, days, month
from tests.sample_nights import (
    HOSTILE,
    INVISIBLE,
    METRIC_ROWS,
    RUN_DATE,
    a_night,
    compared,
    estimated,
    hostile_night,
    job,
    many_metrics,
    metric,
    unknown_price,
)

SAY = say_in("en")


class Page(HTMLParser):
    """The elements, attributes and text of a page, and whether every element was closed in order."""

    VOID = frozenset({"meta", "link", "br", "wbr", "hr"})
    SPACED = frozenset(
        {"td", "th", "dt", "dd", "b", "p", "li", "span", "h2", "code", "summary", "h1", "h3", "caption", "figcaption"}
    )

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append(tag)
        if tag in self.SPACED:
            self.texts.append(" ")
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An SVG shape: it closes itself."""
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """It must close what was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note what is read."""
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is read, in one line."""
        return " ".join("".join(self.texts).split())


def text_of(night: Night) -> str:
    """What a reader of the night's page reads."""
    return Page(render_report(night)).text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_string_is_dead_text(text: str) -> None:
    """No element, attribute or hidden character comes from a slice, a message or an id, whatever is in it."""
    html = render_report(hostile_night(text))
    page, harmless = Page(html), Page(render_report(hostile_night("harmless")))
    assert page.tags == harmless.tags
    assert [(tag, name) for tag, name, _ in page.attributes] == [(tag, name) for tag, name, _ in harmless.attributes]
    assert not INVISIBLE.search(html)
    assert inert(text) in page.text
    html.encode()


@pytest.mark.parametrize("night", [a_night(), hostile_night(HOSTILE[0])], ids=["plain", "hostile"])
def test_the_page_stands_alone(night: Night) -> None:
    """No script, no handler, no form, and nothing that is fetched from anywhere."""
    page = Page(render_report(night))
    assert not {"script", "iframe", "img", "object", "embed", "form", "base", "video", "audio"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name in ("src", "srcset", "action")]
    assert {value for _, name, value in page.attributes if name in ("href", "xlink:href")} <= {"data:,", "#drift"}
    assert "@import" not in render_report(night)
    assert "url(" not in render_report(night)


def test_ids_are_unique_and_referred_to() -> None:
    """Every label and link inside the page points at exactly one element."""
    page = Page(render_report(a_night(metrics=many_metrics())))
    ids = [value for _, name, value in page.attributes if name == "id"]
    targets = {value.removeprefix("#") for _, name, value in page.attributes if name in ("aria-labelledby", "href")}
    assert len(ids) == len(set(ids))
    assert targets - {"data:,"} <= set(ids)


def test_the_numbers_of_the_night_are_there() -> None:
    """Balance, statuses, reasons, money, jobs, times and paths are on the page as people write them."""
    text = text_of(a_night())
    for said in (
        "Night of Thursday 19 November 2026 2026-11-19 · Run",
        "Degraded 2 measures, see below",
        "11,921 ingested = 11,788 valid + 133 rejected",
        "blank text 61 45.9%",
        "judged 11,762 99.8%",
        "error 0 0%",
        "Violations 990 8.42% of those judged",
        "Duplicates 544",
        "Per 1,000 comments $0.6297",
        "no verdict carries it $0.0013",
        "actual is 95.1% of it",
        "7,822,331 431,209",
        "PartiallyCompleted adopted 7 records expired before processing",
        "41.4 min",
        "poll_batch 41.2 min",
        "s3://moderation-output/runs/2026-11-19/20261119T200000-1a2b3c4d/report.html",
        "Not delivered json (alert URL 2)",
    ):
        assert said in text


def test_the_estimate_stands_beside_the_actual() -> None:
    """Tokens and dollars as estimated, and from what, beside what was used; a canary has a line of its own."""
    text = text_of(a_night())
    assert "Estimated before it was asked from Bedrock's own count of a sample" in text
    assert "asked more than once" not in text
    assert "Estimated 7,901,000 451,000 All jobs 7,822,331 431,209" in text
    assert "26 comments without a verdict are on the review list" in text
    assert "Canary: " not in text
    books = a_night().balance.model_copy(update={"canary_input_tokens": 690, "canary_cost_usd": 0.0012})
    assert "Canary: the request tried before the first job $0.0012" in text_of(a_night(balance=books))


def test_an_estimate_says_what_it_holds_twice() -> None:
    """Records that were asked again were estimated again: the estimate is no longer that of the first job."""
    again = job(2, record_count=504)
    assert "with 504 records that were asked more than once" in text_of(a_night(jobs=[*a_night().jobs, again]))


def test_what_waits_for_a_person_is_on_the_first_screen() -> None:
    """Comments without a verdict are counted beside those that have one."""
    assert "Judged 99.8% 11,762 of 11,788 comments; 26 for a person" in text_of(a_night())


def test_nothing_compared_is_not_nothing_degraded() -> None:
    """A night without a baseline is not called well, though a measure that needs none is."""
    rows = [metric("label_error_rate", value=0.0, state="ok"), metric("violation_rate", state="learning", n=0)]
    assert "Degraded 0 nothing to compare with yet" in text_of(a_night(metrics=rows))
    rows = [compared("violation_rate", "all", 0.06, 0.06, 0.01)]
    assert "Degraded 0 nothing is" in text_of(a_night(metrics=rows))


def test_warnings_come_first() -> None:
    """What was found before the first job is on the page as dead text, before the pictures."""
    text = text_of(a_night(warnings=["the canary's answer is malformed", HOSTILE[0]]))
    found = [text.index(part) for part in ("Found on the way", "the canary's answer is malformed", "in pictures")]
    assert found == sorted(found)


def test_every_status_is_shown() -> None:
    """A status that no verdict has is shown as 0, so that its absence is a statement."""
    text = text_of(a_night(statuses={"judged": 11_788}))
    assert all(f"{status} 0 0%" in text for status in Status if status is not Status.JUDGED)


def test_unknown_cost_is_never_dollars() -> None:
    """A night without a known price shows no amount at all."""
    text = text_of(a_night(**unknown_price()))
    assert "$" not in text
    assert "Cost unknown unknown estimated" in text


def test_an_empty_night_renders() -> None:
    """A day without rows, jobs, labels and metrics is a page like any other, without a division by zero."""
    empty = {name: 0 for name in Balance.model_fields if name.endswith(("_count", "_tokens"))}
    costs = {name: 0.0 for name in Balance.model_fields if name.endswith("_usd")}
    nothing: dict[str, Any] = {"rejected": {}, "statuses": {}, "jobs": [], "metrics": [], "alerts": {}, "seconds": {}}
    counts = {"violation_count": 0, "duplicate_count": 0, "cost_usd": 0.0, "estimated_cost_usd": 0.0}
    text = text_of(a_night(balance=Balance(**empty, **costs), **nothing, **counts))
    assert "0 ingested = 0 valid + 0 rejected" in text
    assert "Actual, from the answers' own token counts $0.00" in text
    assert "No job was needed." in text


def test_an_unbooked_job_renders() -> None:
    """A job that is only an intent has no status, no tokens and no cost yet."""
    intent = job(state=EntryState.INTENDED, job_arn=None, job_status=None, usage=None, submitted_at=None)
    text = text_of(a_night(jobs=[intent]))
    assert "not submitted 5,622 not booked unknown $3.90 estimated –" in text


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        pytest.param(METRIC_ROWS, "Measured on 250 labelled comments of the sample", id="sample"),
        pytest.param(
            [metric("accuracy", state="no_data"), estimated("accuracy", "source=planted", 0.9, 40, 0.1)],
            "was measured on 40 planted labels",
            id="planted",
        ),
        pytest.param([estimated("accuracy", "source=overturn", 0.4, 9, 0.3)], "is not known", id="overturn"),
        pytest.param([], "No labels for this night yet", id="none"),
    ],
)
def test_quality_says_what_it_was_measured_on(metrics: list[MetricRow], said: str) -> None:
    """A reader can tell an accuracy of the night from one of chosen comments, and from none."""
    assert said in text_of(a_night(metrics=metrics))


def test_the_sample_is_quoted_before_planted_labels() -> None:
    """The accuracy to quote is the sample's; planted labels stand in only without one."""
    planted = estimated("accuracy", "source=planted", 0.9, 40, 0.1)
    sample = estimated("accuracy", "all", 0.8, 250, 0.05)
    assert headline_accuracy([planted, sample]).row == sample
    assert headline_accuracy([planted, sample.model_copy(update={"value": None})]).row == planted
    assert headline_accuracy([]).row is None


def test_quality_slices_come_in_reading_order() -> None:
    """The whole first, then sources, languages, categories and strata; metrics in their fixed order."""
    tables = quality(METRIC_ROWS)
    assert [table.metric for table in tables] == ["accuracy", "precision", "recall", "f1", "prevalence"]
    slices = [row.slice for row in tables[0].rows]
    assert slices == ["all", "source=planted", "language=en", "language=ja", "stratum=flagged"]
    assert tables[4].scale == 0.1


def test_parts_with_few_labels_are_folded() -> None:
    """The whole, the sources and degraded parts are open however small; other parts need labels to be."""
    small = {"n": 3, "value": 0.5}
    assert not rests_on_few(metric("recall", "all", **small))
    assert not rests_on_few(metric("recall", "source=planted", **small))
    assert not rests_on_few(metric("recall", "category=spam", **small, state="degraded"))
    assert rests_on_few(metric("recall", "category=spam", **small))
    assert "2 more, on fewer than 20 labels each" in text_of(
        a_night(metrics=[metric(name, "language=und", **small) for name in ("accuracy", "recall")])
    )


def test_drift_is_in_order_of_urgency() -> None:
    """Degraded first, then by how far out; what cannot tell, is learning or has no data stands apart."""
    telling, silent = drift(METRIC_ROWS)
    assert [row.state for row in telling][:3] == ["degraded", "degraded", "ok"]
    assert telling[0].metric == "violation_rate"
    assert {row.state for row in silent} == {"cannot_tell", "learning", "no_data"}
    assert not {"accuracy", "recall"} & {row.metric for row in telling + silent}


def test_a_degraded_accuracy_is_drift_too() -> None:
    """A quality metric that is degraded stands with the others that are."""
    low = estimated("accuracy", "all", 0.6, 250, 0.05, state="degraded", since=str(RUN_DATE))
    assert drift([low]).telling == [low]
    assert "verdicts that agree with the labels: 60.0%; new tonight" in text_of(a_night(metrics=[low]))


def test_a_huge_night_stays_readable() -> None:
    """The alarm names ten of sixteen, the open table has them all, and those that are ok are folded."""
    metrics = many_metrics()
    text = text_of(a_night(metrics=metrics, jobs=[job(n) for n in range(40)]))
    assert "Degraded 16 measures" in text
    assert "and 6 more, under Drift" in text
    assert "58 more, all ok" in text
    assert "34 more, all completed" in text


def test_jobs_in_trouble_are_never_folded() -> None:
    """Of forty jobs, those that did not complete are shown, and first."""
    jobs = [job(number, job_status="Failed" if number % 2 else "Completed") for number in range(40)]
    shown, folded = job_order(jobs)
    assert [entry["job_status"] for entry in shown] == ["Failed"] * 20
    assert {entry["job_status"] for entry in folded} == {"Completed"}


def test_a_mark_is_within_its_picture() -> None:
    """Whatever the numbers, every position lies from 0 to 1, in order."""
    for row in METRIC_ROWS:
        mark = drift_mark(row)
        assert all(0 <= place <= 1 for place in mark if place is not None)
        if mark.low is not None and mark.value is not None and mark.high is not None:
            assert mark.low <= mark.value <= mark.high
        if mark.band_low is not None and mark.band_high is not None:
            assert mark.band_low < mark.band_high


def test_a_one_sided_limit_has_an_open_band() -> None:
    """Fewer rejected rows are never degraded, so the band runs to the left edge."""
    assert drift_mark(compared("rejected_rate", "all", 0.02, 0.03, 0.002)).band_low == 0.0
    assert drift_mark(compared("accuracy", "all", 0.9, 0.8, 0.01)).band_high == 1.0


def test_the_first_degraded_night_is_night_one() -> None:
    """The nights of a degradation are counted with both ends."""
    assert nights_since(metric("volume", since="2026-11-19")) == 1
    assert nights_since(metric("volume", since="2026-11-17")) == 3


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.0842), "8.42%"),
        (percent(0.912), "91.2%"),
        (percent(0.0), "0%"),
        (percent(1.0), "100%"),
        (percent(None), "–"),
        (percent(float("nan")), "–"),
        (dollars(None), "unknown"),
        (dollars(0.0), "$0.00"),
        (dollars(0.00001), "under $0.0001"),
        (dollars(0.0013), "$0.0013"),
        (dollars(1234.5), "$1,234.50"),
        (SAY.duration(12.34), "12.3 s"),
        (SAY.duration(252), "4.2 min"),
        (SAY.duration(3725), "1 h 02 min"),
        (SAY.duration(7199), "2 h 00 min"),
        (SAY.amount(0.0231, metric("violation_rate"), signed=True), "+2.31 points"),
        (SAY.amount(-262.0, metric("volume", kind="count"), signed=True), "-262"),
        (SAY.amount(7.42, metric("cost_usd", kind="count")), "$7.42"),
        (SAY.amount(-0.0882, metric("cost_usd", kind="count"), signed=True), "-$0.0882"),
        (SAY.amount(3.861, metric("text_length_log", kind="mean")), "46.5"),
        (SAY.amount(-0.013, metric("text_length_log", kind="mean"), signed=True), "-1.3%"),
        (SAY.amount(None, metric("volume", kind="count")), "–"),
        (brief("x" * 100), "x" * 79 + "…"),
        (inert("a\u202eb\x1b[31m\nc\ud800"), "ab [31m c"),
    ],
)
def test_numbers_are_written_for_people(shown: str, expected: str) -> None:
    """Thousands are separated, shares are percent, changes have a sign, and what is unknown says so."""
    assert shown == expected


def test_confusion_matrices_are_shown_where_there_are_any() -> None:
    """Each slice's four counts are in the report; a night without labels has no such table."""
    matrix = ConfusionMatrix(
        slice="language=<ja>",
        true_positive=41,
        false_positive=13,
        false_negative=17,
        true_negative=1_179,
        estimated_true_positive=None,
        estimated_false_positive=None,
        estimated_false_negative=None,
        estimated_true_negative=None,
    )
    page = render_report(a_night(confusion=[matrix]))
    assert "&lt;ja&gt;" in page
    cells = "".join(f'<td class="num">{count}</td>' for count in ("41", "13", "17", "1,179"))
    assert cells in page
    assert "Confusion" not in render_report(a_night())


@pytest.fixture(scope="module", params=["good", "bad"])
def played(request: pytest.FixtureRequest) -> tuple[Night, Surroundings]:
    """The last night of a month that was measured and judged, with what stands around it."""
    return around_month(is_bad=request.param == "bad")


def a_change(**parts: float) -> Change:
    """The rate from 6 to 8 %, split up."""
    changed = RUN_DATE - timedelta(CHANGED - 1)
    before, after = (
        Period(first=first, last=last, night_count=2, judged_count=100, violation_count=6, versions=())
        for first, last in ((changed - timedelta(2), changed - timedelta(1)), (changed, RUN_DATE))
    )
    moved = SliceChange(
        name="language=ja", change=0.01, share_before=0.5, share_after=0.5, rate_before=0.06, rate_after=0.08
    )
    return Change(
        period_before=before,
        period_after=after,
        before=0.06,
        after=0.08,
        parts=tuple(CausePart(name=Cause(name), change=change) for name, change in parts.items()),
        basis=Basis.ASSUMED,
        slices=(moved,),
    )


def a_golden_night() -> GoldenNight:
    """A pack that another model answers otherwise."""
    changed = RUN_DATE - timedelta(CHANGED - 1)
    comparison = GoldenComparison(
        before_date=changed - timedelta(1),
        after_date=changed,
        before_model_id="old-model",
        before_prompt="comment_review/v1",
        after_model_id="new-model",
        after_prompt="comment_review/v1",
        compared_count=160,
        became_violation=20,
        became_none=2,
        other_category=1,
        violation_p_value=0.0001,
        became_right=3,
        became_wrong=19,
        right_p_value=0.002,
        newly_fooled=("attack-1",),
    )
    setup = GoldenSetup(
        model_id="new-model",
        invocation_type="InvokeModel",
        prompt_name="comment_review",
        prompt_version="v1",
        prompt_sha256="0",
        pack_sha256="0",
    )
    return GoldenNight(
        run_date=RUN_DATE,
        run_id="run",
        setup=setup,
        item_count=164,
        asked_count=164,
        judged_count=160,
        right_count=130,
        attack_count=60,
        compared_count=0,
        change=comparison,
    )


def around_month(*, is_bad: bool) -> tuple[Night, Surroundings]:
    """A night of the month, and its surroundings: a sale, another model, labels that were asked for."""
    rows = month(is_bad=is_bad)
    nights = tuple(
        PublishedNight(
            date=day,
            run_id=f"run-{day}",
            ingested_count=3_010,
            valid_count=3_000,
            rejected_count=10,
            statuses=dict.fromkeys(map(str, Status), 0) | {"judged": 3_000},
            violation_count=180,
            cost_usd=4.5,
            estimated_cost_usd=4.4,
            model_id="new-model" if is_bad and (RUN_DATE - day).days < CHANGED else "old-model",
            prompt_version="v1",
            prompt_sha256="0",
        )
        for day in days()
    )
    trail = Trail(last=RUN_DATE, nights=nights, rows=rows, asked={RUN_DATE: 320} if is_bad else {})
    tonight = tuple(row for row in rows if row.date == RUN_DATE)
    counts = {"valid_count": 3_000, "verdict_count": 3_000, "judged_count": 3_000}
    trust = decide(Evidence(run_date=RUN_DATE, rows=tonight, changes=trail.changes(), **counts))
    sale = Span(RUN_DATE - timedelta(SALE_BEGINS), RUN_DATE - timedelta(SALE_ENDS), "<Sale> & more")
    why = Why(
        run_date=RUN_DATE,
        run_id="run",
        night=a_change(model_version=0.015, rest=0.005),
        since_change=a_change(model_version=0.012, rest=0.008),
        judge_moved=True,
    )
    alert = OpenAlert(group="quality", since=RUN_DATE - timedelta(8), headlines=("accuracy fell",))
    figures = tuple(
        QualityFigure(
            nights=nights,
            metric="accuracy",
            first=RUN_DATE - timedelta(nights - 1),
            last=RUN_DATE,
            labelled_nights=nights,
            labels=300 * nights,
            value=0.91 - 0.001 * nights,
            ci_low=0.85,
            ci_high=0.94,
            detectable=0.009,
            is_weighted=True,
        )
        for nights in (1, 7, 28)
    )
    extras: dict[str, Any] = {"events": (sale,), "alerts": (alert,), "why": why} if is_bad else {}
    golden = a_golden_night() if is_bad else None
    return a_night(metrics=list(tonight), trust=trust, golden=golden), Surroundings(
        trail=trail, standing=tonight, figures=figures, **extras
    )


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_months_page_stands_alone(played: tuple[Night, Surroundings], language: str) -> None:
    """With charts and tables of a whole month it is one balanced page without script, request or double id."""
    html = render_report(*played, language)
    page = Page(html)
    assert f'<html lang="{language}">' in html
    assert not {"script", "iframe", "img", "object", "embed", "form", "base", "image", "use"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name in ("src", "srcset", "style")]
    assert {value for _, name, value in page.attributes if name.endswith("href")} <= {"data:,", "#drift"}
    assert not re.search(r"url\(|@import|https?://", html)
    ids = [value for _, name, value in page.attributes if name == "id"]
    named = [value for _, name, value in page.attributes if name == "aria-labelledby"]
    assert len(ids) == len(set(ids))
    assert {part for value in named for part in value.split()} <= set(ids)
    assert page.tags.count("caption") == page.tags.count("table")
    assert page.tags.count("h1") == 1
    assert html == render_report(*played, language)


def test_a_months_figures_are_the_metrics(played: tuple[Night, Surroundings]) -> None:
    """Tonight's and the pooled shares, their intervals and labels, the dollars: as the tables have them."""
    night, around = played
    assert around.trail is not None
    text = Page(render_report(night, around)).text
    row = next(row for row in night.metrics if (row.metric, row.slice) == ("accuracy", "all"))
    assert f"Accuracy {percent(row.value)} {SAY.interval(row)}; 300 sample labels" in text
    for figure in around.figures:
        ends = SAY.between(figure.ci_low, figure.ci_high)
        assert f"{percent(figure.value)} {ends}; n {figure.labels:,}" in text
    assert "0.9 points Up to 2026-11-19, the newest night whose labels are all there" in text
    assert "The last 28 days, 28 nights $123.20 estimated $126.00" in text
    assert "2026-11-19 degraded yes" in text or "2026-11-19 published yes" in text


def test_a_bad_month_says_what_happened() -> None:
    """The answer and the command first; then the sale, the new model, the golden pack, why, and what waits."""
    text = Page(render_report(*around_month(is_bad=True))).text
    for said in (
        "Can the verdicts of this night be trusted? No Verdicts agree with human labels less than before",
        "Set MODERATION_MODEL_ID back to old-model: new-model has judged since 2026-11-11",
        "announced: <Sale> & more (2026-11-04 to 2026-11-08)",
        "changed: model new-model (2026-11-11)",
        "Model or traffic? The judge changed: the golden pack, whose texts stay, is answered otherwise than before.",
        "22 of 160 verdicts turned between 2026-11-10 and 2026-11-11: 20 to a violation, 2 to none",
        "(exact McNemar, p < 0.001).",
        "3 became right, 19 became wrong (p 0.002). Judged by comment_review/v1 with old-model before.",
        "Attacks that succeed now and did not: attack-1",
        "the parts add up to it Part Points model version +1.50 rest +0.50 together +2.00 What moved most: language=ja",
        "Since the last change of prompt, model or policy 6.00% before 2026-11-11, 8.00% since.",
        "Part Points model version +1.20 rest +0.80 together +2.00",
        "320 asked, 8,400 answered, 20 open",
        "quality, since 2026-11-11: accuracy fell",
    ):
        assert said in text


def test_a_block_without_data_says_why() -> None:
    """A site's first night has no course, no pooled quality, no golden pack: each says so in plain words."""
    text = text_of(a_night(metrics=[metric("golden_flip_rate", state="no_data", reason="there is no golden pack")]))
    for said in (
        "An earlier version judged this night and did not say.",
        "Nothing to draw yet: a course takes three nights.",
        "No night of the last 28 has sample labels that count: their quality is not known.",
        "golden_flip_rate – – not measured there is no golden pack",
        "Not measured for this night.",
        "nobody was asked; 0 answered",
        "Open alerts none",
        "No earlier night is known here.",
    ):
        assert said in text


def test_charts_that_cannot_be_drawn_cost_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plotting library that is broken or absent is said on the page, and the night closes."""
    monkeypatch.setitem(sys.modules, "lets_plot", None)
    text = Page(render_report(*around_month(is_bad=False))).text
    assert "The charts could not be drawn: ModuleNotFoundError" in text
    assert "Can the verdicts of this night be trusted? Yes" in text

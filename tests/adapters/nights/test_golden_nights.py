"""Nights that carry the shipped golden pack, over real HTTP: its answers, its books, and a change of model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple

import polars as pl
import pytest
from scipy.stats import binomtest

from data_contracts.documents.golden import GoldenNight
from data_contracts.documents.plan import Plan
from data_contracts.documents.summary import Night
from data_contracts.tables.golden import GOLDEN
from data_contracts.tables.metrics import METRICS
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from flows.night import NightOptions, judge_day
from prompts.golden import pack_of, read_pack
from sandbox.month import fill
from sandbox.serve import Sandbox, running
from tasks import adapters
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.base.steps import PlainSteps
from tasks.reports.night_summary import describe_terminal

FIRST = date(2026, 11, 16)
SECOND, CHANGED, AFTER, SMALL = (FIRST + timedelta(days=count) for count in (1, 2, 3, 4))
OTHER_MODEL = "amazon.nova-lite-v1:0"
PARTS = ("verdict", "golden", "canary", "unattributed")


class Story(NamedTuple):
    """The nights by day, and what they left."""

    nights: dict[date, Night]
    golden: dict[date, GoldenNight | None]
    table: pl.DataFrame
    verdicts: pl.DataFrame
    metrics: pl.DataFrame
    rows: pl.DataFrame
    plans: dict[date, Plan]
    paid: set[int]


def play(settings: Settings, day: date, **options: Any) -> Night:
    """A night of this day."""
    steps = PlainSteps(monotonic, lambda *_: None)
    night = judge_day(settings, day, f"run-{day}", steps, lambda: datetime.now(UTC), NightOptions(**options))
    assert night is not None
    return night


def tell(settings: Settings, nights: dict[date, Night], sandbox: Sandbox) -> Story:
    """What the nights left."""
    outside, read, plans = adapters.connect(settings), dict[date, GoldenNight | None](), dict[date, Plan]()
    for day, night in nights.items():
        paths = RunPaths(settings, day, night.run_id)
        body = outside.storage.get(paths.file("golden.json"))
        read[day] = GoldenNight.model_validate_json(body) if body else None
        plans[day] = Plan.model_validate_json(outside.storage.get(paths.file("plan.json")) or b"")
    golden, verdicts, metrics, rows = (
        outside.lake.scan(f"{settings.output_uri}/lake/{table.name}", table).collect()
        for table in (GOLDEN, VERDICTS, METRICS, NIGHTS)
    )
    return Story(nights, read, golden, verdicts, metrics, rows, plans, set(sandbox.bedrock.paid_records.values()))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Two nights of one model, two of another, and one that is too small for a job."""
    with (
        running(job_seconds=0.0, cache_dir=tmp_path_factory.mktemp("stand-in")) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        sandbox.reset()
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        patch.delenv("MODERATION_GOLDEN_PACK")
        fill(sandbox, [FIRST, SECOND, CHANGED, AFTER, SMALL])
        settings = Settings.load(count_tokens=False, on_demand_per_s=10_000)
        changed = settings.model_copy(update={"model_id": OTHER_MODEL})
        nights = {day: play(settings, day) for day in (FIRST, SECOND)}
        nights |= {day: play(changed, day) for day in (CHANGED, AFTER)}
        nights[SMALL] = play(changed.model_copy(update={"min_job_records": 1_000}), SMALL)
        yield tell(changed, nights, sandbox)


def test_the_pack_is_asked_and_is_nobodys_verdict(story: Story) -> None:
    """Each item has a row a night in the table of its own, and none is among the verdicts."""
    path = pack_of("comment_review")
    assert path is not None
    items = {item.item_id for item in read_pack(path).items}
    for day in (FIRST, SECOND, CHANGED, AFTER):
        rows = story.table.filter(date=day)
        assert set(rows["item_id"]) == items
        assert rows.height == len(items)
        assert story.golden[day] is not None
    assert story.verdicts.height == sum(night.balance.valid_count for night in story.nights.values())
    assert story.paid == {1}, "no record was paid for twice"


def test_the_books_balance_with_the_pack(story: Story) -> None:
    """ledger = verdicts + golden + canary + unattributed, to the token and to the picodollar."""
    for day, night in story.nights.items():
        books = night.balance.model_dump()
        for unit in ("input_tokens", "output_tokens"):
            assert books[f"ledger_{unit}"] == sum(books[f"{part}_{unit}"] for part in PARTS)
        pico = {part: round(books[f"{part}_cost_usd"] * 10**12) for part in ("ledger", *PARTS)}
        assert pico["ledger"] == sum(pico[part] for part in PARTS)
        assert (pico["golden"] > 0) == (day != SMALL)
        assert story.rows.filter(date=day)["golden_cost_usd"].to_list() == [books["golden_cost_usd"]]
        assert pico["unattributed"] == 0


def test_the_pack_is_part_of_the_estimate(story: Story) -> None:
    """What it was expected to use stands in the ledger, within the night's estimate and near what it used."""
    for day in (SECOND, AFTER):
        shares = [job["golden"] for job in story.nights[day].jobs if job.get("golden")]
        expected, used = sum(share["estimated_input_tokens"] for share in shares), story.nights[day].balance
        assert expected == pytest.approx(used.golden_input_tokens, rel=0.1)
        assert sum(share["record_count"] for share in shares) == story.table.filter(date=day).height
        assert expected < story.nights[day].estimated_input_tokens


def test_a_plan_says_which_pack(story: Story) -> None:
    """File, hash and number of items; the pack is no part of what makes two plans equal."""
    plan = story.plans[FIRST]
    assert plan.golden is not None
    assert plan.golden.item_count == story.table.filter(date=FIRST).height
    assert plan.model_copy(update={"golden": None}).sha256 == plan.sha256


def test_a_first_night_has_no_flips_and_the_next_has_few(story: Story) -> None:
    """Null on the first night of a model, prompt and pack; then each answer against that night's."""
    for first, second in ((FIRST, SECOND), (CHANGED, AFTER)):
        assert story.table.filter(date=first)["flipped"].null_count() == story.table.filter(date=first).height
        judged = story.table.filter(date=second, status="judged")
        assert judged["flipped"].null_count() == 0
        assert judged["flipped"].sum() == 0, "the stand-in says the same of the same text"
        found = story.golden[second]
        assert found is not None
        assert found.against_first is not None
        assert found.against_first.before_date == first


def test_a_change_of_model_is_told_from_the_traffic(story: Story) -> None:
    """Exact McNemar between the last night before the change and the first after it, kept by the nights that follow."""
    before, after = (story.table.filter(date=day).sort("item_id") for day in (SECOND, CHANGED))
    now = after["violation"]
    turned = {way: int(((before["violation"] == (not way)) & (now == way)).sum()) for way in (True, False)}
    found = story.golden[CHANGED]
    assert found is not None
    change = found.change
    assert change is not None
    assert (change.before_date, change.after_date) == (SECOND, CHANGED)
    assert (change.became_violation, change.became_none) == (turned[True], turned[False])
    assert turned[False] > 5, "another model draws the line elsewhere"
    p_value = binomtest(turned[True], turned[True] + turned[False], 0.5).pvalue
    assert change.violation_p_value == pytest.approx(p_value)
    assert p_value < 0.05
    later = story.golden[AFTER]
    assert later is not None
    assert later.change == change
    assert story.golden[SECOND] is not None
    assert "McNemar" in describe_terminal(story.nights[CHANGED])


def test_the_metrics_are_rates_of_the_pack(story: Story) -> None:
    """Accuracy, attacks and flips of each night; the small night says why it has none."""

    def value(day: date, metric: str) -> Any:
        rows = story.metrics.filter(date=day, metric=metric, slice="all").sort("measured_at")
        return rows.row(-1, named=True)

    for day in (SECOND, AFTER):
        rows = story.table.filter(date=day, status="judged")
        right = rows["violation"] == rows["expected_violation"]
        assert (value(day, "golden_accuracy")["x"], value(day, "golden_accuracy")["n"]) == (right.sum(), rows.height)
        assert 0.7 < value(day, "golden_accuracy")["value"] < 1
        attacks = rows.filter("is_attack")
        wrong = (attacks["violation"] != attacks["expected_violation"]).sum()
        assert (value(day, "attack_success_rate")["x"], value(day, "attack_success_rate")["n"]) == (
            wrong,
            attacks.height,
        )
        assert value(day, "golden_flip_rate")["value"] == 0
    for metric in ("golden_accuracy", "attack_success_rate", "golden_flip_rate"):
        assert value(SMALL, metric)["state"] == "no_data"
        assert "did not ride along" in value(SMALL, metric)["reason"]


def test_a_night_on_demand_goes_without(story: Story) -> None:
    """Single calls at the full price are for comments alone."""
    assert story.table.filter(date=SMALL).is_empty()
    assert story.golden[SMALL] is None
    assert {job["mode"] for job in story.nights[SMALL].jobs} == {"on_demand"}

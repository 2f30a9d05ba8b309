"""Nights that are too small for a batch job, over real HTTP; and crashes in the middle of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import polars as pl
import pytest

from data_contracts.batch_lines import InvocationType
from data_contracts.documents.plan import Plan
from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.base.errors import (
    BedrockThrottled,
    BedrockUnavailable,
    BelowMinimum,
    DeadlinePassed,
    LeaseLost,
    ModerationError,
)
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.jobs.ask_on_demand import Pace
from tasks.ledger.entries import read_ledger
from tests.fakes import FakeBedrock, FakeClock, Killed

pytestmark = pytest.mark.usefixtures("without_expectations")

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


@pytest.fixture
def settings(sandbox: Sandbox, folders: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty site, in a hurry."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load(on_demand_per_s=10_000, on_demand_concurrency=8, **folders)


def put_day(settings: Settings, count: int, text: str | None = None) -> None:
    """A day of so many comments, no two alike; the first one's text may be given."""
    day = sample_day(DAY, dirty_fraction=0, comment_count=400).comments.unique(
        "text", keep="first", maintain_order=True
    )
    comments = day.unique(pl.col("text").str.normalize("NFKC"), keep="first", maintain_order=True).head(count)
    if text is not None:
        first = pl.int_range(pl.len()) == 0
        comments = comments.with_columns(text=pl.when(first).then(pl.lit(text)).otherwise("text"))
    body = BytesIO()
    comments.write_parquet(body)
    adapters.connect(settings).storage.put(f"{settings.comments_uri}/date={DAY}/part-0.parquet", body.getvalue())


def plan_uri(settings: Settings, run_id: str) -> str:
    """Where a run's plan lies."""
    return RunPaths(settings, DAY, run_id).file("plan.json")


def read(settings: Settings, table: str) -> pl.DataFrame:
    """A published plain object."""
    body = adapters.connect(settings).storage.get(f"{settings.output_uri}/{table}/date={DAY}/{table}.parquet")
    assert body is not None
    return pl.read_parquet(BytesIO(body))


@pytest.mark.parametrize(
    ("count", "jobs", "calls"),
    [
        pytest.param(1, 0, 1, id="one"),
        pytest.param(99, 0, 99, id="one-below-the-minimum"),
        pytest.param(100, 1, 0, id="at-the-minimum"),
        pytest.param(101, 1, 0, id="one-above"),
    ],
)
def test_a_small_night_is_asked_on_demand(
    count: int, jobs: int, calls: int, settings: Settings, sandbox: Sandbox
) -> None:
    """Below 100 comments there is no job and one call a comment, at twice the price; from 100 on there is one job,
    after one call that tries the request."""
    put_day(settings, count)
    night = play_night(settings, DAY, "run", lambda: NOW)
    assert night is not None
    assert night.statuses == {"judged": count}
    assert sandbox.bedrock.call_counts.get("CreateModelInvocationJob", 0) == jobs
    assert sandbox.bedrock.call_counts.get("InvokeModel", 0) == calls + jobs, "each job has its canary"
    verdicts = read(settings, "verdicts")
    tokens = verdicts.select(pl.col("input_tokens").sum(), pl.col("output_tokens").sum()).row(0)
    price = (1.00, 5.00) if calls else (0.50, 2.50)
    expected = sum(count * dollars / 1e6 for count, dollars in zip(tokens, price, strict=True))
    assert night.balance.verdict_cost_usd == pytest.approx(expected)
    assert night.balance.unattributed_cost_usd == 0


def test_a_masked_night_tells_bedrock_no_telephone_number(settings: Settings, sandbox: Sandbox) -> None:
    """What is sent holds a placeholder; without masking the day would be asked anew."""
    text = "この人に電話してください。番号は０９０ー１２３４ー５６７８、メールは taro@example.co.jp です"
    put_day(settings, 3, text)
    masked = settings.model_copy(update={"mask": True})
    assert play_night(masked, DAY, "run", lambda: NOW) is not None
    storage = adapters.connect(settings).storage
    (entry,) = read_ledger(storage, DayPaths(settings, DAY))
    assert entry.masking == Plan.model_validate_json(storage.get(plan_uri(settings, "run")) or b"").masking == "1"
    lines = storage.get(entry.input_uri) or b""
    assert "番号は[PHONE]、メールは [EMAIL] です" in lines.decode()
    assert not any(said in lines.decode() for said in ("５６７８", "5678", "taro"))
    calls = sandbox.bedrock.call_counts["InvokeModel"]
    assert play_night(masked, DAY, "again", lambda: NOW) is None
    assert sandbox.bedrock.call_counts["InvokeModel"] == calls
    assert play_night(settings, DAY, "plain", lambda: NOW) is not None
    assert sandbox.bedrock.call_counts["InvokeModel"] == 2 * calls == 6


def test_on_demand_off_names_the_minimum(settings: Settings, sandbox: Sandbox) -> None:
    """With the setting off a small night stops before anything is asked."""
    put_day(settings, 99)
    with pytest.raises(BelowMinimum, match="100"):
        play_night(settings.model_copy(update={"on_demand": False}), DAY, "run", lambda: NOW)
    assert not sandbox.bedrock.call_counts.get("InvokeModel", 0)


def test_a_second_run_of_a_small_night_calls_nothing(settings: Settings, sandbox: Sandbox) -> None:
    """Published is published: no call is made again."""
    put_day(settings, 20)
    play_night(settings, DAY, "run", lambda: NOW)
    before = dict(sandbox.bedrock.call_counts)
    assert play_night(settings, DAY, "again", lambda: NOW) is None
    assert sandbox.bedrock.call_counts.get("InvokeModel") == before["InvokeModel"]


@pytest.mark.parametrize("crash_after", [0, 1, 10, 29])
def test_a_crash_repeats_only_the_calls_in_flight(
    crash_after: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever the process dies, at most the calls in flight are made again; they are counted and booked."""
    put_day(settings, 30)
    real = adapters.connect
    bedrock = FakeBedrock(real(settings).storage)
    bedrock.crash_after = crash_after
    monkeypatch.setattr(adapters, "connect", lambda settings: replace(real(settings), bedrock=bedrock))
    with pytest.raises(Killed):
        play_night(settings, DAY, "first", lambda: NOW)
    bedrock.crash_after = None
    night = play_night(settings, DAY, "second", lambda: NOW)
    assert night is not None
    assert night.statuses == {"judged": 30}
    calls = Counter(bedrock.invoked.values())
    repeated = sum(bedrock.invoked.values()) - 30
    assert set(calls) <= {1, 2}
    assert repeated <= 2 * settings.on_demand_concurrency, "what was in flight, and what began while it died"
    (job,) = night.jobs
    assert job["usage"]["repeated_call_count"] == repeated
    books = night.balance
    assert books.ledger_input_tokens == books.verdict_input_tokens + books.unattributed_input_tokens
    assert (books.unattributed_input_tokens > 0) == (repeated > 0)


class Busy(FakeBedrock):
    """Turns away the calls from the fourth on, until there is time."""

    def __init__(self, storage: Storage, error: ModerationError) -> None:
        super().__init__(storage)
        self.error: ModerationError | None = error

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        if self.error is not None and sum(self.invoked.values()) >= 3:
            raise self.error
        return super().invoke(model_id, invocation_type, body, limit_s=limit_s)


@pytest.mark.parametrize(
    ("error", "repeated"),
    [
        pytest.param(BedrockThrottled("ThrottlingException"), 0, id="throttled"),
        pytest.param(BedrockUnavailable("ReadTimeoutError"), 1, id="its-answer-was-lost"),
    ],
)
def test_a_call_that_was_turned_away_is_not_booked(
    error: ModerationError, repeated: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No model has seen it and AWS does not charge for it; a call whose answer was lost may have been paid for."""
    put_day(settings, 10)
    settings = settings.model_copy(update={"on_demand_concurrency": 1})
    connected = adapters.connect(settings)
    bedrock = Busy(connected.storage, error)
    monkeypatch.setattr(adapters, "connect", lambda _: replace(connected, bedrock=bedrock))
    with pytest.raises(type(error)):
        play_night(settings, DAY, "run", lambda: NOW)
    bedrock.error = None
    night = play_night(settings, DAY, "again", lambda: NOW)
    assert night is not None
    assert night.statuses == {"judged": 10}
    (job,) = night.jobs
    assert job["usage"]["repeated_call_count"] == repeated
    assert (night.balance.unattributed_input_tokens > 0) == (repeated > 0)


def test_one_refused_request_does_not_stop_the_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that Bedrock will not take is an error verdict, asked once more; all others are judged."""
    put_day(settings, 10, text="please refuse this request")
    real = adapters.connect
    bedrock = FakeBedrock(real(settings).storage)
    monkeypatch.setattr(adapters, "connect", lambda settings: replace(real(settings), bedrock=bedrock))
    night = play_night(settings, DAY, "run", lambda: NOW)
    assert night is not None
    assert night.statuses == {"error": 1, "judged": 9}
    assert max(bedrock.invoked.values()) == settings.max_attempts


class SleepsBeforeCall(Storage):
    """A store whose process sleeps just before it puts its first call on record."""

    def __init__(self, real: Storage, meanwhile: Callable[[], object]) -> None:
        self.__dict__.update(vars(real))
        self._meanwhile: Callable[[], object] | None = meanwhile

    def put_if_absent(self, uri: str, body: bytes) -> bool:
        """See Storage."""
        if uri.endswith(".call") and (meanwhile := self._meanwhile):
            self._meanwhile = None
            meanwhile()
        return super().put_if_absent(uri, body)


def test_a_run_that_slept_before_a_call_does_not_make_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run has judged and booked the day meanwhile: nobody would book what the sleeper calls after that."""
    put_day(settings, 5)
    settings = settings.model_copy(update={"on_demand_concurrency": 1, "preflight_canary": False})
    real = adapters.connect(settings)
    bedrock = FakeBedrock(real.storage)

    def succeed() -> None:
        real.storage.delete([DayPaths(settings, DAY).lease])
        monkeypatch.setattr(adapters, "connect", lambda _: replace(real, bedrock=bedrock))
        assert play_night(settings, DAY, "successor", lambda: NOW) is not None

    sleepy = SleepsBeforeCall(real.storage, succeed)
    monkeypatch.setattr(adapters, "connect", lambda _: replace(real, bedrock=bedrock, storage=sleepy))
    with pytest.raises(LeaseLost):
        play_night(settings, DAY, "sleeper", lambda: NOW)
    assert set(bedrock.invoked.values()) == {1}
    assert len(bedrock.invoked) == 5


class StillClock(FakeClock):
    """A clock for callers who all wait at once: none has slept before another asks."""

    def sleep(self, seconds: float) -> None:
        """See Clock."""
        self.sleeps.append(seconds)


def test_calls_are_paced() -> None:
    """Calls begin no faster than so many a second, from the first on."""
    clock = StillClock()
    pace = Pace(4, clock)
    for _ in range(4):
        pace.wait()
    assert clock.sleeps == [0.25, 0.5, 0.75]


@pytest.mark.parametrize("at_deadline", ["publish", "stop"])
def test_no_call_begins_after_the_deadline(
    at_deadline: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On demand the deadline holds too: what was answered is booked, the rest is missing or left to the next run."""
    put_day(settings, 60)
    real = adapters.connect(settings)
    bedrock = FakeBedrock(real.storage)
    monkeypatch.setattr(adapters, "connect", lambda _: replace(real, bedrock=bedrock, alerts=()))
    hurried = settings.model_copy(
        update={
            "deadline_h": 1.0,
            "on_demand_concurrency": 1,
            "preflight_canary": False,
            "min_judged_fraction": 0.0,
            "at_deadline": at_deadline,
        }
    )

    def now() -> datetime:
        """Two minutes pass with each call."""
        return NOW + timedelta(minutes=2 * sum(bedrock.invoked.values()))

    if at_deadline == "publish":
        night = play_night(hurried, DAY, "late", now)
        assert night is not None
        assert night.statuses == {"judged": 30, "missing": 30}
    else:
        with pytest.raises(DeadlinePassed, match="30 of 60 comments have no answer"):
            play_night(hurried, DAY, "late", now)
        night = play_night(hurried, DAY, "next", now)
        assert night is not None
        assert night.statuses == {"judged": 60}
    assert night.balance.unattributed_cost_usd == 0
    assert set(bedrock.invoked.values()) == {1}
    assert len(bedrock.invoked) == night.statuses["judged"]


def test_calls_of_another_prompt_are_booked_and_not_gone_on_with(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that died under another model left calls answered: they are booked, and the day is asked anew."""
    put_day(settings, 20)
    real = adapters.connect(settings)
    bedrock = FakeBedrock(real.storage)
    monkeypatch.setattr(adapters, "connect", lambda _: replace(real, bedrock=bedrock, alerts=()))
    quick = settings.model_copy(update={"on_demand_concurrency": 1, "preflight_canary": False, "lease_wait_s": 0.0})
    bedrock.crash_after = 5
    with pytest.raises(Killed):
        play_night(quick, DAY, "killed", lambda: NOW)
    bedrock.crash_after = None
    other = quick.model_copy(update={"model_id": "global.anthropic.claude-sonnet-4-5-20250929-v1:0"})
    night = play_night(other, DAY, "killed", lambda: NOW)
    assert night is not None
    assert night.statuses == {"judged": 20}
    assert sum(bedrock.invoked.values()) == 6 + 20
    ledger = read_ledger(real.storage, DayPaths(settings, DAY))
    assert [entry.usage.answered_count for entry in ledger if entry.usage] == [5, 20]

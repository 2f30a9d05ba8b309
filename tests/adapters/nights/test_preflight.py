"""What a night looks at before it pays, over real HTTP: the canary, the estimate, the model's life; and its books."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.summary import Night
from data_contracts.tables.verdicts import NIGHTS
from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.storage import Storage, StorageRefused
from tasks.base.errors import BedrockRefused, BedrockThrottled, BedrockUnavailable, CanaryFailed
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.batch.try_canary import LIMIT_S, THROTTLED_WAITS_S
from tasks.ledger.entries import read_ledger
from tasks.ledger.prices import PICODOLLARS
from tasks.ledger.run_records import read_preflight
from tasks.llm.prompt import load_prompt
from tests.fakes import FakeAlerts, FakeBedrock, FakeClock, Killed
from tests.wire import Reply, Wire

pytestmark = pytest.mark.usefixtures("without_expectations")

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


class Site:
    """A site with a day of comments for one job."""

    def __init__(self, settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings, self.sandbox, self._monkeypatch = settings, sandbox, monkeypatch
        self.put(DAY)

    def put(self, day: date, count: int = 110) -> None:
        body = BytesIO()
        sample_day(day, dirty_fraction=0).comments.head(count).write_parquet(body)
        uri = f"{self.settings.comments_uri}/date={day}/part-0.parquet"
        adapters.connect(self.settings).storage.put(uri, body.getvalue())

    def play(self, run_id: str = "run", day: date = DAY, **overrides: Any) -> Night:
        night = play_night(self.settings.model_copy(update=overrides), day, run_id, lambda: NOW)
        assert night is not None
        return night

    def ledger(self) -> list[LedgerEntry]:
        return read_ledger(adapters.connect(self.settings).storage, DayPaths(self.settings, DAY))

    def calls(self, operation: str) -> int:
        return self.sandbox.bedrock.call_counts.get(operation, 0)

    def replace(self, **parts: Any) -> None:
        """Give every stage these adapters in place of the real ones."""
        real = adapters.connect
        self._monkeypatch.setattr(adapters, "connect", lambda settings: replace(real(settings), **parts))


@pytest.fixture
def site(sandbox: Sandbox, folders: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return Site(Settings.load(on_demand_per_s=10_000, **folders), sandbox, monkeypatch)


def pico(cost_usd: float | None) -> int:
    assert cost_usd is not None
    return round(cost_usd * PICODOLLARS)


def check_books(night: Night) -> None:
    """Ledger = verdicts + canary + unattributed, to the token and to the picodollar."""
    books = night.balance.model_dump()
    for unit, whole in (("input_tokens", int), ("output_tokens", int), ("cost_usd", pico)):
        parts = [whole(books[f"{name}_{unit}"]) for name in ("verdict", "canary", "unattributed")]
        assert whole(books[f"ledger_{unit}"]) == sum(parts), unit
    booked = [job["usage"] for job in night.jobs if job["usage"]]
    assert pico(night.cost_usd) == sum(pico(usage["cost_usd"]) for usage in booked), "each job once"


def test_one_record_is_tried_before_the_first_job(site: Site) -> None:
    """One call with a record's exact body, booked at the price of a call; its answer is nobody's verdict."""
    night = site.play()
    assert (site.calls("InvokeModel"), site.calls("CreateModelInvocationJob")) == (1, 1)
    canary, job = site.ledger()
    assert (canary.mode, canary.state, canary.record_count, canary.call_count) == ("canary", "collected", 1, 1)
    assert canary.usage is not None
    assert job.usage is not None
    assert pico(canary.usage.cost_usd) == canary.usage.input_tokens * 10**6 + canary.usage.output_tokens * 5 * 10**6
    assert (night.balance.canary_input_tokens, night.balance.canary_cost_usd) == (
        canary.usage.input_tokens,
        canary.usage.cost_usd,
    )
    assert night.balance.verdict_input_tokens == job.usage.input_tokens, "every verdict is the job's"
    assert night.statuses == {"judged": 110}
    check_books(night)
    row = adapters.connect(site.settings).lake.scan(DayPaths(site.settings, DAY).lake("nights"), NIGHTS).collect()
    assert row["canary_cost_usd"].to_list() == [canary.usage.cost_usd]


def test_the_same_request_is_tried_once_a_day(site: Site) -> None:
    """Judging the day again asks no canary again; another request, prompt or model would."""
    site.play()
    again = play_night(site.settings, DAY, "again", lambda: NOW, epoch=1)
    assert again is not None
    assert (site.calls("InvokeModel"), site.calls("CreateModelInvocationJob")) == (1, 2)
    check_books(again)


@pytest.mark.parametrize(
    ("count", "overrides"),
    [
        pytest.param(110, {"preflight_canary": False}, id="switched-off"),
        pytest.param(30, {}, id="an-on-demand-night-tries-by-itself"),
    ],
)
def test_no_canary(count: int, overrides: dict[str, Any], site: Site) -> None:
    """A night without jobs needs none, and a setting goes without."""
    site.put(DAY, count)
    night = site.play(**overrides)
    assert night.balance.canary_cost_usd == 0
    assert {entry.mode for entry in site.ledger()} == {"batch" if count > 100 else "on_demand"}
    check_books(night)


def refusal(code: str, message: str, status: int = 400) -> Reply:
    return Reply(status, json.dumps({"message": message}), (("x-amzn-ErrorType", code),))


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        pytest.param(
            refusal("ValidationException", "messages.0: extraneous key [foo] is not permitted"),
            CanaryFailed,
            r"extraneous key \[foo\].*nothing was submitted.*comment_review/v1",
            id="validation",
        ),
        pytest.param(
            refusal("AccessDeniedException", "You don't have access to the model", 403),
            BedrockRefused,
            r"You don't have access to the model.*nothing was submitted.*MODERATION_PREFLIGHT_CANARY",
            id="access",
        ),
    ],
)
def test_a_request_that_the_model_refuses_stops_the_night(
    reply: Reply, error: type[Exception], said: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is submitted or paid, with AWS's message; when the cause is gone the canary is tried again."""
    settings = site.settings.model_copy(update={"count_tokens": False})
    with Wire(site.sandbox.bedrock_url).served() as wire:
        wire.fates.append(reply)
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", wire.url)
        with pytest.raises(error, match=said):
            play_night(settings, DAY, "run", lambda: NOW)
        assert site.calls("CreateModelInvocationJob") == 0
        night = play_night(settings, DAY, "again", lambda: NOW)
    assert night is not None
    canary, _ = site.ledger()
    assert canary.usage is not None
    assert (canary.call_count, canary.usage.repeated_call_count) == (1, 0), "a call that was refused is free"
    check_books(night)


class Mute(FakeBedrock):
    """A Bedrock that answers no single call."""

    def __init__(self, storage: Storage, error: Exception) -> None:
        super().__init__(storage)
        self.error, self.limits = error, list[float | None]()

    def invoke(self, *_: Any, limit_s: float | None = None) -> dict[str, Any]:
        self.limits.append(limit_s)
        raise self.error


def test_a_canary_that_is_turned_away_only_warns(site: Site) -> None:
    """An account may have no quota for single calls: after a few waits the night goes on, and says so at the end."""
    bedrock = Mute(adapters.connect(site.settings).storage, BedrockThrottled("invoke m: ThrottlingException"))
    clock = FakeClock()
    site.replace(bedrock=bedrock, clock=clock)
    night = site.play()
    (said,) = night.warnings
    assert said.startswith("the canary was not answered: invoke m: ThrottlingException")
    assert "books nothing for it" in said
    assert len(bedrock.limits) == 1 + len(THROTTLED_WAITS_S) > 1
    assert tuple(clock.sleeps[: len(THROTTLED_WAITS_S)]) == THROTTLED_WAITS_S
    assert night.statuses == {"judged": 110}
    assert night.balance.canary_cost_usd == 0
    check_books(night)


def test_a_canary_whose_answer_is_lost_is_booked_at_the_most(site: Site) -> None:
    """Somebody may have paid for it: the books have the most that it can have cost, and the night says so."""
    bedrock = Mute(adapters.connect(site.settings).storage, BedrockUnavailable("invoke m: ReadTimeoutError"))
    site.replace(bedrock=bedrock)
    night = site.play()
    lost, booked = night.warnings
    assert lost.startswith("the canary was not answered: invoke m: ReadTimeoutError")
    assert "were cut off" in booked
    assert bedrock.limits == [LIMIT_S], "one call, with a limit of its own"
    canary, _ = site.ledger()
    assert canary.usage is not None
    assert canary.usage.input_tokens >= canary.estimated_input_tokens
    assert canary.usage.output_tokens == load_prompt(site.settings.prompt, site.settings.prompt_version).max_tokens
    check_books(night)


def test_a_canary_that_hangs_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called once, waited for as long as a canary may take, and booked: nobody knows whether it was answered."""
    monkeypatch.setattr("tasks.batch.try_canary.LIMIT_S", 0.3)
    with Wire(site.sandbox.bedrock_url).served() as wire:
        wire.fates.append("hang")
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", wire.url)
        night = site.play(count_tokens=False)
        assert len(wire.seen) == 1
    assert "ReadTimeoutError" in night.warnings[0]
    assert pico(night.balance.canary_cost_usd) > 0
    check_books(night)


def test_a_call_that_is_turned_away_is_told_apart(site: Site) -> None:
    """It cost nothing, unlike one that was lost; with a limit it is made once."""
    outside = adapters.connect(site.settings)
    site.sandbox.faults.set("throttle", "InvokeModel:1.0")
    with pytest.raises(BedrockThrottled, match="ThrottlingException"):
        outside.bedrock.invoke(site.settings.model_id, "InvokeModel", {}, limit_s=5)
    site.sandbox.faults.set("throttle", "InvokeModel:0")
    site.sandbox.faults.set("server_error", "InvokeModel:1.0")
    with pytest.raises(BedrockUnavailable) as caught:
        outside.bedrock.invoke(site.settings.model_id, "InvokeModel", {}, limit_s=5)
    assert not isinstance(caught.value, BedrockThrottled)
    assert site.calls("InvokeModel") == 2


def test_a_night_that_died_in_its_canary_is_never_too_cheap(site: Site) -> None:
    """A call that was paid and not booked stays on record at the most that it can have cost, if nobody calls again."""
    bedrock = FakeBedrock(adapters.connect(site.settings).storage)
    site.replace(bedrock=bedrock)
    bedrock.crash_after = 0
    with pytest.raises(Killed):
        site.play("killed")
    (canary,) = site.ledger()
    assert (canary.state, canary.call_count) == ("intended", 1)
    bedrock.crash_after = None
    night = site.play("after", preflight_canary=False)
    assert sum(bedrock.invoked.values()) == 1, "nobody called again"
    paid_tokens = (1000, 50)
    assert night.balance.canary_input_tokens > paid_tokens[0]
    assert night.balance.canary_output_tokens > paid_tokens[1]
    assert pico(night.balance.canary_cost_usd) > paid_tokens[0] * 10**6 + paid_tokens[1] * 5 * 10**6
    assert any("were cut off" in warning for warning in night.warnings)
    check_books(night)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param("non_json", "malformed: no JSON object in the answer", id="prose"),
        pytest.param("truncated", "malformed: cut off: stop_reason max_tokens", id="cut-off"),
        pytest.param("refusals", None, id="a-refusal-is-an-answer"),
    ],
)
def test_a_canary_that_cannot_be_read_warns(fault: str, told: str | None, site: Site) -> None:
    """An answer that the parser does not take warns before the job is paid for, in the log and in the summary."""
    site.sandbox.faults.set(fault, "1")
    seen: dict[str, object] = {}

    def note(name: str, result: object, _: float) -> None:
        seen.setdefault(name, result)

    night = play_night(site.settings, DAY, "run", lambda: NOW, report=note)
    assert night is not None
    expected = (f"the canary's answer is {told}; the night goes on",) if told else ()
    assert night.warnings == getattr(seen["try_canary"], "warnings") == expected  # noqa: B009
    check_books(night)


@pytest.mark.parametrize("crashes", [1, 3])
def test_a_crash_repeats_the_canary_and_books_it(crashes: int, site: Site) -> None:
    """Each process that dies in the call may have paid for it: all of them are counted and booked."""
    bedrock = FakeBedrock(adapters.connect(site.settings).storage)
    site.replace(bedrock=bedrock)
    bedrock.crash_after = 0
    for number in range(crashes):
        with pytest.raises(Killed):
            site.play(f"killed-{number}")
    assert bedrock.requests == [], "no job before the canary"
    bedrock.crash_after = None
    night = site.play("last")
    canary, _ = site.ledger()
    assert canary.usage is not None
    assert sum(bedrock.invoked.values()) == canary.call_count == crashes + 1
    assert canary.usage.repeated_call_count == crashes
    assert (night.balance.canary_input_tokens, night.balance.canary_output_tokens) == (
        1000 * (crashes + 1),
        50 * (crashes + 1),
    )
    check_books(night)


# ---------------------------------------------------------------------------------------------------------------------
# The estimate beside the actual.


def deviation(night: Night) -> tuple[float, float]:
    """How far the estimate of the tokens read, and of the dollars, is from the actual; 0.01 is a percent too high."""
    assert night.cost_usd is not None
    assert night.estimated_cost_usd is not None
    read = night.estimated_input_tokens / night.balance.ledger_input_tokens
    return read - 1, night.estimated_cost_usd / night.cost_usd - 1


def test_a_counted_sample_is_within_a_percent(site: Site) -> None:
    """Bedrock's own count of twenty requests estimates what the night reads; published in the row and the summary."""
    night = site.play()
    assert night.estimate_source == "count_tokens"
    assert abs(deviation(night)[0]) < 0.01
    assert site.calls("CountTokens") == 21
    row = adapters.connect(site.settings).lake.scan(DayPaths(site.settings, DAY).lake("nights"), NIGHTS).collect()
    told = ("estimated_input_tokens", "estimated_output_tokens", "estimate_source", "estimated_cost_usd")
    assert row.select(told).row(0) == tuple(getattr(night, name) for name in told)
    assert night.warnings == ()


def test_past_nights_teach_the_estimate(site: Site) -> None:
    """Without a count the first night rests on constants; the next ones on what it used, answers included."""
    first = site.play(count_tokens=False)
    assert first.estimate_source == "constants"
    site.put(DAY + timedelta(1), 130)
    second = site.play(day=DAY + timedelta(1), count_tokens=False)
    assert second.estimate_source == "learnt"
    assert max(map(abs, deviation(second))) < 0.03 < max(map(abs, deviation(first)))
    site.put(DAY + timedelta(2), 130)
    counted = site.play(day=DAY + timedelta(2))
    assert counted.estimate_source == "count_tokens"
    assert max(map(abs, deviation(counted))) < 0.03, "answers are learnt whoever counts the requests"


@pytest.mark.parametrize(
    ("fault", "value", "warnings"),
    [
        pytest.param("count_tokens_unavailable", True, 1, id="not-this-model"),
        pytest.param("unavailable", "CountTokens", 1, id="no-such-operation"),
        pytest.param("unavailable", "CountTokens,GetFoundationModel", 2, id="neither-of-both"),
    ],
)
def test_what_bedrock_does_not_tell_costs_one_warning(fault: str, value: str | bool, warnings: int, site: Site) -> None:
    """The night goes on without it, and asks no second time."""
    site.sandbox.faults.set(fault, value)
    night = site.play()
    assert len(night.warnings) == warnings
    assert all(name in " ".join(night.warnings) for name in ("count tokens: ", "bytes a token by language"))
    assert site.calls("CountTokens") <= 1
    assert night.statuses == {"judged": 110}


def test_an_endpoint_that_hangs_holds_nobody_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is not answered in three seconds is given up, once."""
    with Wire(site.sandbox.bedrock_url).served() as wire:
        wire.fates.append("hang")
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", wire.url)
        night = site.play()
        assert len(wire.seen) == 2, "the count that hung, and the canary"
    assert night.seconds["build_batch"] < 10
    assert "ReadTimeoutError" in night.warnings[0]


def test_a_model_without_a_price_is_said_once(site: Site, tmp_path: Path) -> None:
    """Its cost is unknown, never 0, and the budget cannot hold it: one warning, whatever else is asked again."""
    prices = tmp_path / "prices.toml"
    prices.write_text('[[price]]\nmodel = "another"\nglobal = { batch = [1, 2], on_demand = [2, 4] }\n')
    site.sandbox.faults.set("error_records", "3@1")
    night = site.play(prices=prices)
    assert [warning.split(": the cost of the night is unknown")[0] for warning in night.warnings] == [
        f"{site.settings.model_id} has no price in prices.toml"
    ]
    books = night.balance
    costs = (books.ledger_cost_usd, books.verdict_cost_usd, books.canary_cost_usd, books.unattributed_cost_usd)
    assert (night.cost_usd, night.estimated_cost_usd, *costs) == (None,) * 6
    assert books.ledger_input_tokens == books.verdict_input_tokens + books.canary_input_tokens


def test_a_price_list_that_is_edited_in_the_night_changes_nothing_booked(site: Site, tmp_path: Path) -> None:
    """Verdicts cost what their job was booked at, whatever prices.toml has come to say before they are merged."""
    prices = tmp_path / "prices.toml"

    def write(batch: str) -> None:
        model = "anthropic.claude-haiku-4-5-20251001-v1:0"
        prices.write_text(f'[[price]]\nmodel = "{model}"\nglobal = {{ batch = {batch}, on_demand = [1, 5] }}\n')

    def edit(name: str, *_: object) -> None:
        if name == "collect_answers":
            write("[50, 250]")

    write("[0.5, 2.5]")
    night = play_night(site.settings.model_copy(update={"prices": prices}), DAY, "run", lambda: NOW, report=edit)
    assert night is not None
    check_books(night)
    assert night.balance.unattributed_cost_usd == 0
    assert night.balance.verdict_cost_usd == pytest.approx(
        night.balance.verdict_input_tokens * 0.5e-6 + night.balance.verdict_output_tokens * 2.5e-6
    )


# ---------------------------------------------------------------------------------------------------------------------
# Every end of a job is paid for once.


@pytest.mark.parametrize("end", ["PartiallyCompleted:0.5", "Stopped:0.5", "Expired:0.3", "Failed:0.6"])
def test_a_job_that_ends_early_is_booked_once(end: str, site: Site) -> None:
    """What a job answered before it ended is booked from its own counts; the rest is asked again and booked apart."""
    site.sandbox.faults.set("end_status", f"{end}@1")
    night = site.play(preflight_canary=False)
    assert night.statuses == {"judged": 110}
    first, second = site.ledger()
    assert first.job_status == end.partition(":")[0]
    assert first.usage is not None
    assert second.usage is not None
    assert 0 < first.usage.answered_count < 110
    assert first.usage.answered_count + second.usage.answered_count == 110
    tokens = first.usage.input_tokens + second.usage.input_tokens
    assert tokens == night.balance.ledger_input_tokens == night.balance.verdict_input_tokens
    check_books(night)


# ---------------------------------------------------------------------------------------------------------------------
# The model's life.


@pytest.mark.parametrize(
    ("lifecycle", "title", "severity"),
    [
        pytest.param("LEGACY:2027-01-10", "ends on 2027-01-10", "ticket", id="51-days"),
        pytest.param("LEGACY:2026-11-20", "has ended", "page", id="ended"),
    ],
)
def test_a_models_end_is_told_in_time(lifecycle: str, title: str, severity: str, site: Site) -> None:
    """An alert names the model, the date and what to do, once; the night goes on, and its summary says so as well."""
    site.sandbox.faults.set("lifecycle", lifecycle)
    alerts = FakeAlerts()
    site.replace(alerts=(alerts,))
    night = site.play()
    told = [message for message in alerts.messages if "model" in message.title]
    assert len(told) == len(night.warnings) == 1
    assert title in told[0].title
    assert site.settings.model_id in told[0].title
    assert told[0].severity == severity
    assert "MODERATION_MODEL_ID" in told[0].body
    assert "successor" in told[0].body
    again = play_night(site.settings, DAY, "again", lambda: NOW, epoch=1)
    assert again is not None
    assert [message for message in alerts.messages if "model" in message.title] == told, "once a step"


class Closed:
    """A storage that may not be written to below one root."""

    def __init__(self, storage: Storage, root: str) -> None:
        self._storage, self._root = storage, root

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def put(self, uri: str, body: bytes) -> None:
        if uri.startswith(self._root):
            raise StorageRefused(f"put {uri}: AccessDenied: Access Denied")
        self._storage.put(uri, body)


def test_a_closed_bucket_stops_the_night_before_the_work(site: Site) -> None:
    """Nothing of the day is read yet, no shard is written, and nobody is asked anything that costs."""
    site.replace(storage=Closed(adapters.connect(site.settings).storage, site.settings.batch_uri))
    stages = list[str]()
    with pytest.raises(StorageRefused, match=r"s3:PutObject.*MODERATION_BATCH_URI"):
        play_night(site.settings, DAY, "run", lambda: NOW, report=lambda name, *_: stages.append(name))
    assert stages == ["ingest", "find_published", "alert_stopped_night"]
    assert (site.calls("InvokeModel"), site.calls("CountTokens")) == (0, 0)


def test_the_looks_leave_nothing_behind(site: Site) -> None:
    """The probes are gone, and what was found lies in the run's folder."""
    site.play()
    storage = adapters.connect(site.settings).storage
    left = [item.uri for root in (site.settings.output_uri, site.settings.batch_uri) for item in storage.list(root)]
    assert not [uri for uri in left if uri.endswith(".probe")]
    found = read_preflight(storage, RunPaths(site.settings, DAY, "run"))
    assert (found.canary, found.lifecycle, found.warnings) == ("judged", "active", ())


def test_all_looks_can_be_switched_off(site: Site) -> None:
    """With every setting off nothing is called that a night of an earlier version did not call."""
    names = ("count_tokens", "preflight_canary", "preflight_lifecycle", "preflight_buckets")
    off: dict[str, Any] = dict.fromkeys(names, False)
    site.play(**off)
    assert [site.calls(name) for name in ("CountTokens", "InvokeModel", "GetFoundationModel")] == [0, 0, 0]

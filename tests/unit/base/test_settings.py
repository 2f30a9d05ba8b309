"""What a deployment sets: where values come from, which one counts, and what is said of a wrong one."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.base.errors import SettingsInvalid, SettingsMissing
from tasks.base.ports import Severity
from tasks.base.setting_names import RENAMED, Lost, warn_once
from tasks.base.settings import LabelRequests, Settings
from tasks.batch.estimate.rates import constant_rates, estimate
from tasks.batch.wanted_records import check_budget
from tasks.ledger.prices import find_price
from tasks.llm.prompt import load_prompt
from tests import factories

REQUIRED = {
    "COMMENTS_URI": "s3://in/comments",
    "LABELS_URI": "s3://in/labels",
    "OUTPUT_URI": "s3://out/moderation",
    "BATCH_URI": "s3://out/batch",
    "ROLE_ARN": factories.ROLE_ARN,
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a deployment that sets only what it must."""
    for name in [name for name in os.environ if name.startswith("MODERATION_")]:
        monkeypatch.delenv(name)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(f"MODERATION_{name}", value)
    return monkeypatch


def config(environment: pytest.MonkeyPatch, folder: Path, text: str) -> Path:
    path = folder / "moderation.toml"
    path.write_text(text, encoding="utf-8")
    environment.setenv("MODERATION_CONFIG", str(path))
    return path


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timezone", "Asia/Tokyo"),
        ("invocation_type", "auto"),
        ("prompt", "comment_review"),
        ("prompt_version", "v1"),
        ("deduplicate", True),
        ("max_text_chars", 10_000),
        ("max_rejected_fraction", 0.05),
        ("min_judged_fraction", 0.5),
        ("min_job_records", 100),
        ("max_shard_records", 100_000),
        ("max_shard_bytes", 1_000_000_000),
        ("max_jobs_in_flight", 100),
        ("gx_max_rows", 1_000_000),
        ("alert_urls", ()),
        ("sns_topic_arn", None),
        ("alert_routes", {}),
        ("language", "en"),
        ("kms_key_id", None),
    ],
)
def test_defaults_are_those_that_were_decided(name: str, value: object) -> None:
    """What a deployment does not set has the decided default."""
    assert getattr(Settings.load(), name) == value


@pytest.mark.usefixtures("environment")
def test_the_default_budget_covers_a_night_of_100_000_comments() -> None:
    """100,000 Japanese comments of 150 characters with the shipped prompt and model stay under MAX_COST_USD."""
    settings = Settings.load()
    prompt = load_prompt(settings.prompt, settings.prompt_version)
    price = find_price(settings.model_id, "batch")
    rates = constant_rates(prompt.system + prompt.user, 0)
    expected = estimate(100_000, round(100_000 * (180 + rates.fixed_tokens)), rates, price)
    assert expected.cost_usd is not None
    check_budget(expected.cost_usd, 0.0, settings.max_cost_usd)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named_with_its_meaning(name: str, environment: pytest.MonkeyPatch) -> None:
    """A setting without a default that nobody set is named as the operator sets it, with what it is."""
    environment.delenv(f"MODERATION_{name}")
    with pytest.raises(SettingsInvalid, match=rf"^MODERATION_{name} is not set \(.+\)$"):
        Settings.load()


def test_every_missing_setting_is_named_in_one_line(environment: pytest.MonkeyPatch) -> None:
    """One run tells all that is missing, on one line."""
    for name in REQUIRED:
        environment.delenv(f"MODERATION_{name}")
    with pytest.raises(SettingsInvalid) as error:
        Settings.load()
    assert all(f"MODERATION_{name} is not set" in str(error.value) for name in REQUIRED)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("TIMEZONE", "Tokyo", id="no-such-zone"),
        pytest.param("INVOCATION_TYPE", "converse", id="no-such-type"),
        pytest.param("COMMENTS_URI", "comments", id="relative-path"),
        pytest.param("COMMENTS_URI", "https://bucket/comments", id="other-scheme"),
        pytest.param("OUTPUT_URI", "s3://", id="no-bucket"),
        pytest.param("OUTPUT_URI", "file:///night", id="file-scheme-that-no-store-reads"),
        pytest.param("BATCH_URI", "s3://out/date=1", id="equals-sign-in-batch-uri"),
        pytest.param("BATCH_URI", "s3://out/my batch", id="space-in-batch-uri"),
        pytest.param("BATCH_URI", "s3://OUT/batch", id="upper-case-bucket"),
        pytest.param("ROLE_ARN", "bedrock-batch", id="role-name-for-arn"),
        pytest.param("PROMPT", "../secret", id="path-as-prompt"),
        pytest.param("PROMPT_VERSION", "1", id="version-without-v"),
        pytest.param("MAX_COST_USD", "0", id="no-budget"),
        pytest.param("MAX_COST_USD", "a lot", id="budget-in-words"),
        pytest.param("MAX_REJECTED_FRACTION", "5", id="percent-for-fraction"),
        pytest.param("MIN_JUDGED_FRACTION", "-0.1", id="negative-fraction"),
        pytest.param("DEADLINE_H", "169", id="longer-than-bedrock-keeps-a-job"),
        pytest.param("POLL_INTERVAL_S", "0", id="busy-loop"),
        pytest.param("MIN_JOB_RECORDS", "0", id="empty-job"),
        pytest.param("DEDUPLICATE", "perhaps", id="no-boolean"),
        pytest.param("THRESHOLDS__MIN_LABELS", "few", id="nested"),
        pytest.param("ALERT_URLS", '["json://host"', id="broken-json-list"),
        pytest.param("LANGUAGE", "fr", id="language-nobody-wrote"),
        pytest.param("ALERT_LANGUAGE", "fr", id="language-nobody-wrote-by-its-former-name"),
        pytest.param("ALERT_ROUTES", '{"page": ["json://host"]', id="broken-json-mapping"),
        pytest.param("ALERT_ROUTES", '{"urgent": ["json://host"]}', id="no-such-severity"),
        pytest.param("ALERT_ROUTES", '["json://host"]', id="routes-without-severity"),
        pytest.param("SNS_TOPIC_ARN", "moderation-alerts", id="topic-name-for-arn"),
        pytest.param("SNS_TOPIC_ARN", "arn:aws:sns:ap-northeast-1:123456789012:alerts.fifo", id="topic-of-no-person"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str, environment: pytest.MonkeyPatch) -> None:
    """A value that no night could run with is refused before the night, in one line that names the setting."""
    environment.setenv(f"MODERATION_{name}", value)
    with pytest.raises(SettingsInvalid, match=rf"^MODERATION_{name}: ") as error:
        Settings.load()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("s3://in/comments/", "s3://in/comments", id="final-slash"),
        pytest.param("s3://in", "s3://in", id="bucket-alone"),
        pytest.param("s3://in/a=b", "s3://in/a=b", id="hive-path-where-bedrock-does-not-look"),
        pytest.param("/data/comments/", "/data/comments", id="local-path"),
    ],
)
def test_roots_have_no_final_slash(given: str, kept: str, environment: pytest.MonkeyPatch) -> None:
    """A root is kept without its final slash, so that keys never hold two."""
    environment.setenv("MODERATION_COMMENTS_URI", given)
    assert Settings.load().comments_uri == kept


@pytest.mark.parametrize("name", ["TIMEZONE", "MAX_COST_USD", "ALERT_URLS", "CONFIG"])
def test_an_empty_variable_is_an_unset_one(name: str, environment: pytest.MonkeyPatch) -> None:
    """`MODERATION_X=` leaves the default, as an unset variable does."""
    default = Settings.load()
    environment.setenv(f"MODERATION_{name}", "")
    assert Settings.load() == default


def test_toml_keys_are_lower_case_without_the_prefix(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file that MODERATION_CONFIG names sets what the environment does not, tables and lists included."""
    config(
        environment,
        tmp_path,
        'timezone = "UTC"\nmax_cost_usd = 12.5\nalert_urls = ["json://host/a", "json://host/b"]\n'
        "[thresholds]\nmin_labels = 77\n",
    )
    settings = Settings.load()
    assert (settings.timezone, settings.max_cost_usd, settings.thresholds.min_labels) == ("UTC", 12.5, 77)
    assert [url.get_secret_value() for url in settings.alert_urls] == ["json://host/a", "json://host/b"]


def test_arguments_beat_the_environment_which_beats_the_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of three values for one setting the nearest to the caller counts."""
    config(environment, tmp_path, 'timezone = "UTC"\nprompt = "from_file"\nmax_cost_usd = 1.0\n')
    environment.setenv("MODERATION_TIMEZONE", "Europe/Berlin")
    environment.setenv("MODERATION_PROMPT", "from_environment")
    settings = Settings.load(timezone="Asia/Tokyo")
    assert (settings.timezone, settings.prompt, settings.max_cost_usd) == ("Asia/Tokyo", "from_environment", 1.0)


def test_environment_sets_one_threshold_beside_those_of_the_file(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A nested value is named with two underscores and leaves its neighbours alone."""
    config(environment, tmp_path, "[thresholds]\nmin_labels = 77\nmin_violations = 33\n")
    environment.setenv("MODERATION_THRESHOLDS__MIN_LABELS", "99")
    assert Settings.load().thresholds.model_dump(include={"min_labels", "min_violations"}) == {
        "min_labels": 99,
        "min_violations": 33,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            'time_zone = "UTC"\n',
            r"^MODERATION_TIME_ZONE is not a setting; the nearest is MODERATION_TIMEZONE$",
            id="misspelt",
        ),
        pytest.param(
            "moderation_max_cost_usd = 5\n",
            r"^MODERATION_MODERATION_MAX_COST_USD is .+ MODERATION_MAX_COST_USD \(the file's keys have no prefix\)$",
            id="with-the-prefix",
        ),
        pytest.param("[thresholds]\nmin_lables = 1\n", r"MIN_LABLES is not .+__MIN_LABELS$", id="nested"),
        pytest.param("timezone = UTC\n", r"moderation\.toml: ", id="not-toml"),
        pytest.param('timezone = "Mars"\n', r"^MODERATION_TIMEZONE: 'Mars' is not", id="wrong-value"),
    ],
)
def test_a_wrong_file_is_refused(text: str, said: str, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key that is no setting, a wrong value or text that is no TOML stops with a line that says where."""
    config(environment, tmp_path, text)
    with pytest.raises(SettingsInvalid, match=said):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MAX_COST", "MAX_COST_USD"),
        ("BUCKET_OWNR", "BUCKET_OWNER"),
        ("TIME_ZONE", "TIMEZONE"),
        ("ALERT_URL", "ALERT_URLS"),
        ("CONFIGURATION", "CONFIG"),
        ("POLL_INTERVAL_S__X", "POLL_INTERVAL_S"),
        ("CONFIG__X", "CONFIG"),
        ("THRESHOLDS__MIN_LABLES", "THRESHOLDS__MIN_LABELS"),
        ("WHATEVER2", None),
        ("", None),
    ],
)
def test_a_variable_that_is_no_setting_is_refused(
    name: str, nearest: str | None, environment: pytest.MonkeyPatch
) -> None:
    """What has our prefix and is no setting would be ignored by mistake: the line names what may be meant."""
    environment.setenv(f"MODERATION_{name}", "1")
    with pytest.raises(SettingsInvalid) as error:
        Settings.load()
    said = str(error.value)
    assert said.startswith(f"MODERATION_{name} is not a setting; the nearest is MODERATION_")
    assert nearest is None or said.endswith(f" MODERATION_{nearest}")


def test_unknown_names_are_told_with_all_that_is_wrong(environment: pytest.MonkeyPatch) -> None:
    """A misspelt name is told beside the setting that lacks for it, in any letters."""
    environment.delenv("MODERATION_OUTPUT_URI")
    environment.setenv("moderation_output_url", "s3://moderation")
    with pytest.raises(SettingsInvalid) as error:
        Settings.load()
    assert "MODERATION_OUTPUT_URI is not set" in str(error.value)
    assert "MODERATION_OUTPUT_URL is not a setting; the nearest is MODERATION_OUTPUT_URI" in str(error.value)
    assert not isinstance(error.value, SettingsMissing)


@pytest.mark.parametrize(
    "name",
    [
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_HTTPS",
        "PORT",
        "PORT_443_TCP",
        "PORT_443_TCP_ADDR",
        "WORKER_SERVICE_HOST",
        "WORKER_PORT_443_TCP_PROTO",
    ],
)
def test_what_kubernetes_sets_is_passed_over(name: str, environment: pytest.MonkeyPatch) -> None:
    """A Service called `moderation` or `moderation-worker` puts its address into every container."""
    environment.setenv(f"MODERATION_{name}", "tcp://10.0.0.1:443")
    assert Settings.load() == Settings()


def test_an_empty_variable_that_is_no_setting_is_an_unset_one(environment: pytest.MonkeyPatch) -> None:
    """Nobody meant anything by it."""
    environment.setenv("MODERATION_MAX_COST", "")
    assert Settings.load() == Settings()


def test_one_of_alert_routes_may_be_set_by_itself_and_no_other(environment: pytest.MonkeyPatch) -> None:
    """What is inside a mapping is judged by the mapping."""
    environment.setenv("MODERATION_ALERT_ROUTES__PAGER", "json://host")
    with pytest.raises(SettingsInvalid, match=r"^MODERATION_ALERT_ROUTES: must map some of page"):
        Settings.load()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged, as if the process had said nothing yet."""
    warn_once.cache_clear()
    return caplog


def test_a_former_name_is_read_with_one_warning(
    environment: pytest.MonkeyPatch, told: pytest.LogCaptureFixture
) -> None:
    """ALERT_LANGUAGE counts where LANGUAGE is not set; one line in a process names the successor."""
    environment.setenv("MODERATION_ALERT_LANGUAGE", "ja")
    assert [Settings.load().language for _ in range(3)] == ["ja"] * 3
    (line,) = told.messages
    assert line.startswith("MODERATION_ALERT_LANGUAGE is called MODERATION_LANGUAGE now")
    assert "alert_language" not in Settings.load().public()


def test_a_former_name_is_read_from_the_file(
    environment: pytest.MonkeyPatch, tmp_path: Path, told: pytest.LogCaptureFixture
) -> None:
    """A TOML key is a name like any other."""
    config(environment, tmp_path, 'alert_language = "ja"\n')
    assert Settings.load().language == "ja"
    assert len(told.messages) == 1


def test_both_names_may_say_the_same_and_nothing_else(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which of two values is meant nobody can tell, wherever they stand."""
    environment.setenv("MODERATION_ALERT_LANGUAGE", "ja")
    environment.setenv("MODERATION_LANGUAGE", "ja")
    assert Settings.load().language == "ja"
    environment.delenv("MODERATION_LANGUAGE")
    config(environment, tmp_path, 'language = "en"\n')
    with pytest.raises(
        SettingsInvalid, match=r"^MODERATION_ALERT_LANGUAGE and MODERATION_LANGUAGE say different things"
    ):
        Settings.load()


def test_the_new_name_alone_says_nothing(environment: pytest.MonkeyPatch, told: pytest.LogCaptureFixture) -> None:
    """Nobody is warned who has done it."""
    environment.setenv("MODERATION_LANGUAGE", "ja")
    assert Settings.load().language == "ja"
    assert not told.messages


@pytest.mark.parametrize("former", RENAMED, ids=lambda former: former.name)
def test_former_names_are_fields_until_their_time_is_over(former: Lost) -> None:
    """A former name has no default that would hide the successor's, and goes with the version that says so."""
    field = Settings.model_fields[former.name]
    assert (field.default, field.exclude) == (None, True)
    assert former.successor in Settings.model_fields
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    now, until = (tuple(map(int, version.split(".")[:2])) for version in (project["version"], former.until))
    assert f"{former.successor} now: it is read until version {former.until}".upper() in former.line.upper()
    assert now < until, "remove the field, its row in LOST, and what the changelog says of it"


def test_only_missing_settings_are_told_apart(environment: pytest.MonkeyPatch) -> None:
    """Nothing set is another thing than something wrong: a command that needs little can go on."""
    environment.delenv("MODERATION_OUTPUT_URI")
    with pytest.raises(SettingsMissing):
        Settings.load()
    environment.setenv("MODERATION_TIMEZONE", "Mars")
    with pytest.raises(SettingsInvalid) as error:
        Settings.load()
    assert not isinstance(error.value, SettingsMissing)


def test_a_config_file_that_is_not_there_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MODERATION_CONFIG that names no file is a mistake, not a default."""
    environment.setenv("MODERATION_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(SettingsInvalid, match=r"MODERATION_CONFIG names .*absent\.toml, which is not a file"):
        Settings.load()


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        pytest.param("json://host/a", ["json://host/a"], id="one"),
        pytest.param("json://host/a  json://host/b", ["json://host/a", "json://host/b"], id="spaces"),
        pytest.param("json://host/a\njson://host/b\n", ["json://host/a", "json://host/b"], id="lines"),
        pytest.param('["json://host/a", "json://host/b"]', ["json://host/a", "json://host/b"], id="json"),
        pytest.param("json://me:it's\\me@host/a", ["json://me:it's\\me@host/a"], id="quote-and-backslash"),
    ],
)
def test_lists_are_json_or_separated_by_spaces(value: str, urls: list[str], environment: pytest.MonkeyPatch) -> None:
    """A list in the environment is JSON or words between white space, each taken as it stands."""
    environment.setenv("MODERATION_ALERT_URLS", value)
    assert [url.get_secret_value() for url in Settings.load().alert_urls] == urls


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("ALERT_ROUTES", '{"page": ["json://a", "json://b"], "report": []}', id="json"),
        pytest.param("ALERT_ROUTES", '{"page": "json://a json://b", "report": ""}', id="words"),
    ],
)
def test_routes_are_a_mapping(name: str, value: str, environment: pytest.MonkeyPatch) -> None:
    """Each severity that is named has its list of places, which may be empty."""
    environment.setenv(f"MODERATION_{name}", value)
    routes = Settings.load().alert_routes
    assert {severity: [url.get_secret_value() for url in urls] for severity, urls in routes.items()} == {
        Severity.PAGE: ["json://a", "json://b"],
        Severity.REPORT: [],
    }


def test_routes_in_a_file_and_one_by_one(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A TOML table sets the routes, and a variable of its own sets one of them."""
    config(environment, tmp_path, '[alert_routes]\nticket = ["json://host/ticket"]\n')
    environment.setenv("MODERATION_ALERT_ROUTES__PAGE", "json://host/page")
    assert set(Settings.load().alert_routes) == {Severity.PAGE, Severity.TICKET}


def test_routes_that_leave_nothing_for_the_others_are_refused(environment: pytest.MonkeyPatch) -> None:
    """Channels that would never be told anything are a mistake."""
    environment.setenv("MODERATION_ALERT_ROUTES", '{"page": "json://a", "ticket": "json://a", "report": []}')
    Settings.load()
    environment.setenv("MODERATION_ALERT_URLS", "json://b")
    with pytest.raises(SettingsInvalid, match=r"^MODERATION_ALERT_ROUTES names every severity"):
        Settings.load()


SECRET_SETTINGS = [
    pytest.param("ALERT_URLS", "json://user:hunter2@host", id="urls"),
    pytest.param("ALERT_ROUTES", '{"page": ["json://user:hunter2@host"]}', id="routes"),
    pytest.param("HEARTBEAT_URL", "https://host/hunter2", id="heartbeat"),
    pytest.param("WATCHDOG_URL", "https://host/hunter2", id="watchdog"),
]


@pytest.mark.parametrize(("name", "value"), SECRET_SETTINGS)
def test_secrets_are_shown_nowhere(name: str, value: str, environment: pytest.MonkeyPatch) -> None:
    """An alert URL is neither in what a run stores of its settings nor in their repr."""
    environment.setenv(f"MODERATION_{name}", value)
    settings = Settings.load()
    assert "hunter2" not in json.dumps(settings.public()) + repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("ALERT_URLS", '["json://user:hunter2@host"', id="broken-list"),
        pytest.param("ALERT_ROUTES", '{"page": ["json://user:hunter2@host"}', id="broken-mapping"),
        pytest.param("ALERT_ROUTES", '{"json://user:hunter2@host": ["page"]}', id="url-for-severity"),
        pytest.param("ALERT_ROUTES", '{"page": {"url": "json://user:hunter2@host"}}', id="table-for-list"),
        pytest.param("HEARTBEAT_URL", "ftp://host/hunter2", id="no-http"),
        pytest.param("WATCHDOG_URL", "host/hunter2", id="no-scheme"),
    ],
)
def test_an_error_about_a_secret_does_not_repeat_it(name: str, value: str, environment: pytest.MonkeyPatch) -> None:
    """A broken list of alert URLs is refused without the URLs, whoever prints the error or what caused it."""
    environment.setenv(f"MODERATION_{name}", value)
    with pytest.raises(SettingsInvalid) as error:
        Settings.load()
    assert "hunter2" not in str(error.value) + str(error.value.__context__)


@pytest.mark.usefixtures("environment")
def test_label_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """One number may be changed, or all be 0; that a single stratum is never asked about is refused."""
    monkeypatch.setenv("MODERATION_LABEL_REQUESTS", '{"flagged": 100}')
    assert Settings.load().label_requests == LabelRequests(flagged=100, borderline=80, clear=160)
    monkeypatch.setenv("MODERATION_LABEL_REQUESTS__CLEAR", "0")
    with pytest.raises(SettingsInvalid, match="LABEL_REQUESTS: asks nothing of one stratum"):
        Settings.load()
    monkeypatch.setenv("MODERATION_LABEL_REQUESTS", '{"flagged": 0, "borderline": 0, "clear": 0}')
    assert Settings.load().label_requests.flagged == 0


@pytest.mark.usefixtures("environment")
def test_what_samples_are_drawn_by_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in no plan and no error, and one that can be guessed is refused."""
    monkeypatch.setenv("MODERATION_SAMPLING_SALT", "short")
    with pytest.raises(SettingsInvalid, match="SAMPLING_SALT") as refused:
        Settings.load()
    assert "short" not in str(refused.value).replace("shorter", "")
    monkeypatch.setenv("MODERATION_SAMPLING_SALT", "long enough to be one")
    assert "long enough" not in json.dumps(Settings.load().public()) + repr(Settings.load())


@pytest.mark.usefixtures("environment")
def test_public_settings_are_json_and_name_every_other_setting() -> None:
    """What a plan stores of the settings is plain JSON with every setting but the secrets."""
    public: dict[str, Any] = json.loads(json.dumps(Settings.load().public()))
    secrets = {"alert_urls", "alert_routes", "heartbeat_url", "watchdog_url", "sampling_salt"}
    assert set(public) == set(Settings.model_fields) - secrets - {former.name for former in RENAMED}


@pytest.mark.usefixtures("environment")
def test_settings_are_frozen() -> None:
    """A night's settings do not change under way."""
    settings = Settings.load()
    with pytest.raises(ValidationError, match="frozen"):
        settings.timezone = "UTC"  # type: ignore[misc]  # that they are frozen is the point


EVENTS = """
[[event]]
name = "Black Friday"
first = 2026-11-27
last = 2026-11-30
metrics = ["volume"]

[[event]]
name = "New Year"
first = 2026-12-31
last = 2027-01-03
"""


def test_announced_events_are_read_from_their_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MODERATION_EVENTS names a TOML file of announced days; without one nothing is announced."""
    assert Settings.load().announced.event == ()
    (tmp_path / "events.toml").write_text(EVENTS)
    environment.setenv("MODERATION_EVENTS", str(tmp_path / "events.toml"))
    found = [
        (event.name, str(event.first), str(event.last), event.metrics) for event in Settings.load().announced.event
    ]
    assert found == [
        ("Black Friday", "2026-11-27", "2026-11-30", ("volume",)),
        ("New Year", "2026-12-31", "2027-01-03", ()),
    ]
    (tmp_path / "events.toml").write_text('[[rebaselined]]\ndate = 2026-11-28\nmetrics = ["accuracy"]\n')
    assert [(str(change.date), change.metrics) for change in Settings.load().announced.rebaselined] == [
        ("2026-11-28", ("accuracy",))
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "the file that it names cannot be read", id="absent"),
        pytest.param("[[event]\n", "the file that it names is no TOML", id="no TOML"),
        pytest.param('[[event]]\nname = "x"\nfirst = 2026-11-27\n', "event 1: last: Field required", id="no end"),
        pytest.param(EVENTS + 'label = "x"\n', "event 2: only .* is known", id="unknown key"),
        pytest.param(
            EVENTS.replace('"volume"', '"volume", "acuracy"'),
            "event 1: metrics: 2: this is not a metric; the nearest is accuracy$",
            id="no metric",
        ),
        pytest.param("[[rebaselined]]\nmetrics = []\n", "rebaselined 1: date: Field required", id="no first night"),
        pytest.param('event = "x"\n', "its events: Input should be a valid tuple", id="no list"),
        pytest.param('[[events]]\nname = "x"\n', "its events: only .* is known", id="misspelt"),
        pytest.param(
            '[[event]]\nname = "x"\nfirst = 2026-11-27\nlast = 2026-11-26\n',
            "event 1: it ends before it begins",
            id="order",
        ),
        pytest.param('[[event]]\nname = "x"\nfirst = "soon"\nlast = 2026-11-26\n', "event 1: first: ", id="no date"),
    ],
)
def test_wrong_events_are_refused(text: str | None, said: str, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is not there or says anything else stops with a line that names the setting and the place."""
    file = tmp_path / "events.toml"
    if text is not None:
        file.write_text(text)
    environment.setenv("MODERATION_EVENTS", str(file))
    with pytest.raises(SettingsInvalid, match=f"^MODERATION_EVENTS: {said}"):
        Settings.load()


def test_settings_that_lost_their_effect_are_named_once(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They are read, checked, and one warning names them and what decides now; those with an effect are not named."""
    warn_once.cache_clear()
    Settings.load()
    environment.setenv("MODERATION_THRESHOLDS__MAX_FAILED_FRACTION", "0.1")
    assert Settings.load().thresholds.max_failed_fraction == 0.1
    assert caplog.messages == []
    environment.setenv("MODERATION_THRESHOLDS__MAX_DEVIATION", "3")
    environment.setenv("MODERATION_BASELINE_DAYS", "14")
    assert [Settings.load().baseline_days for _ in range(2)] == [14, 14]
    deviation, days = sorted(caplog.messages, reverse=True)
    assert deviation.startswith(
        "MODERATION_THRESHOLDS__MAX_DEVIATION no longer counts: the detector's policy decides now"
    )
    assert days.startswith("MODERATION_BASELINE_DAYS no longer says what a night's metrics are compared with")
    environment.setenv("MODERATION_THRESHOLDS__MAX_DEVIATION", "-3")
    with pytest.raises(SettingsInvalid, match=r"^MODERATION_THRESHOLDS__MAX_DEVIATION: "):
        Settings.load()

"""What a deployment fixes, read once by the flow and handed down frozen.

Environment variables `MODERATION_<NAME>` beat the TOML file that `MODERATION_CONFIG` names; TOML keys are lower case
without the prefix.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from data_contracts.batch_lines import InvocationChoice
from data_contracts.tolerances import Tolerances
from tasks.base.errors import SettingsInvalid, SettingsMissing
from tasks.base.events import Announcements, read_events
from tasks.base.ports import Severity
from tasks.base.roots import check_batch_root, check_output_root, check_root
from tasks.base.setting_names import (
    ENV_PREFIX,
    RENAMED,
    describe_lost,
    describe_unknown,
    describe_wrong,
    unknown_variables,
    variable,
    warn_once,
)

_ROLE_ARN = re.compile(r"arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+")
#: FIFO topics, whose names end in .fifo, deliver to no person.
SNS_TOPIC_ARN = re.compile(r"arn:aws(-[^:]+)?:sns:(?P<region>[a-z0-9-]+):[0-9]{12}:(?P<topic>[A-Za-z0-9_-]{1,256})")
#: What a zone's name looks like; nothing else is repeated.
_ZONE = re.compile(r"[A-Za-z_]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}")
#: What GOLDEN_PACK says for the prompt's own pack, and where none is to ride along.
OWN_PACK, NO_PACK = "prompt", "none"
#: What PROMPT_VERSION and MODEL_ID say where a promotion decides.
CHAMPION = "champion"
#: Settings that hold passwords and tokens.
_SECRETS = frozenset({"alert_urls", "alert_routes", "heartbeat_url", "watchdog_url", "sampling_salt"})

Fraction = Annotated[float, Field(ge=0, le=1)]
Language = Literal["en", "ja"]


class Thresholds(BaseModel):
    """The tolerances of the rule that judged nights until 0.2; only `max_failed_fraction` has an effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Most answers that may fail (malformed, refused, error or missing together), whatever earlier nights were.
    max_failed_fraction: float = Field(default=0.05, gt=0, lt=1)
    #: No effect: a chart learns for 21 nights, accuracy for 14.
    min_baseline_nights: int = Field(default=13, ge=3)
    #: No effect: evidence adds up over nights, within a budget of false alarms a year.
    max_deviation: float = Field(default=4.0, gt=0)
    #: No effect: the detector stretches a spread by what it knows of it.
    scale_safety: float = Field(default=1.25, ge=1)
    #: No effect: no change is too small if the evidence for it is enough.
    min_share_change: Fraction = 0.03
    #: No effect: no change is too small if the evidence for it is enough.
    min_rate_change: Fraction = 0.01
    #: No effect: no change is too small if the evidence for it is enough.
    min_relative_change: float = Field(default=0.15, gt=0)
    #: No effect: a night of few items says how many would tell.
    min_violations: int = Field(default=30, ge=1)
    #: No effect: a night of few labels says how many would tell.
    min_labels: int = Field(default=50, ge=10)
    #: No effect: accuracy is judged against the site's own first nights.
    min_accuracy: Fraction = 0.75
    #: No effect: label errors are compared with those of earlier days.
    max_label_error_fraction: Fraction = 0.2


class LabelRequests(BaseModel):
    """How many labels a night asks people for, by stratum; all 0: none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flagged: int = Field(default=60, ge=0)
    borderline: int = Field(default=80, ge=0)
    clear: int = Field(default=160, ge=0)

    @model_validator(mode="after")
    def _all_or_none(self) -> LabelRequests:
        counts = (self.flagged, self.borderline, self.clear)
        if any(counts) and not all(counts):
            raise ValueError("asks nothing of one stratum: what the model gets wrong there could never be found")
        return self

    def __str__(self) -> str:
        return self.model_dump_json()


class _ConfigFile(BaseSettings):
    """Where the TOML file is."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="ignore")
    config: Path | None = None


class Settings(BaseSettings):
    """Every setting of a deployment.

    Raises:
        SettingsInvalid: from `load`, naming each setting that is missing or wrong.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,  # it may be an alert URL with its password
    )

    comments_uri: str = Field(description="S3 root of the comments, a folder a day: {COMMENTS_URI}/date=D/")
    labels_uri: str = Field(description="S3 root of the human labels, a folder a day: {LABELS_URI}/date=D/")
    output_uri: str = Field(description="S3 root of everything published and of the ledger")
    batch_uri: str = Field(description="S3 root of Bedrock's input and output files; no '=' in it")
    role_arn: str = Field(description="IAM role that Bedrock assumes to read and write BATCH_URI")
    model_id: str = Field(
        default="global.anthropic.claude-haiku-4-5-20251001-v1:0",
        description=(
            "Model id, inference profile id or ARN, an application profile's too (docs/operations.md, 3); `champion`: "
            "that of the last promotion"
        ),
    )
    invocation_type: InvocationChoice = Field(
        default="auto", description="InvokeModel or Converse; auto: what the model's family prefers"
    )
    prompt: str = Field(default="comment_review", pattern=r"^[a-z0-9_]+$", description="Name in the prompt catalog")
    prompt_version: str = Field(
        default="v1",
        pattern=r"^(v[0-9]+|champion)$",
        description="Version in the prompt catalog; `champion`: that of the last promotion",
    )
    policy: str = Field(
        default="plain",
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        description=(
            "Who judges a comment: a policy of the prompt's, prompts/NAME/policies/POLICY.toml; plain: each comment is "
            "asked of the model, singly (docs/policies.md); champion: that of the last promotion"
        ),
    )
    light_model_id: str = Field(
        default="amazon.nova-lite-v1:0", description="The model of a policy's light step: as MODEL_ID"
    )
    cache_max_age_d: int = Field(
        default=28, ge=1, le=366, description="Days that a verdict serves a policy's cache step for equal texts"
    )
    rules: Path | None = Field(
        default=None,
        description="A TOML file for a policy's rules step; default: the prompt's own, prompts/NAME/rules.toml",
    )
    golden_pack: str = Field(
        default=OWN_PACK,
        description=(
            "The golden pack that each night carries: `prompt` for the prompt's own, prompts/NAME/golden.jsonl, a file "
            "of JSON lines of yours, or `none`"
        ),
    )
    timezone: str = Field(default="Asia/Tokyo", description="IANA time zone: whose day a day is")
    max_cost_usd: float = Field(default=150.0, gt=0, description="Most that a night may be estimated to cost")
    prices: Path | None = Field(default=None, description="A prices.toml of your own; default: the shipped one")
    poll_interval_s: float = Field(default=60.0, gt=0, description="Seconds between looks at the jobs")
    deadline_h: float = Field(
        default=24.0, gt=0, le=168, description="Hours after a run's plan when it asks no more and stops its jobs"
    )
    at_deadline: Literal["publish", "stop"] = Field(
        default="publish",
        description="Then: publish what has no answer as missing, or stop the night and leave it to the next run",
    )
    stop_wait_s: float = Field(default=600.0, ge=0, description="Seconds to wait for a stopped job's end")
    lease_wait_s: float = Field(default=120.0, ge=0, description="Seconds to wait for another run of the same day")
    alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(default=(), description="apprise URLs (secret)")
    sns_topic_arn: str | None = Field(default=None, description="SNS topic for alerts: the ARN of a standard topic")
    alert_routes: Annotated[dict[Severity, tuple[SecretStr, ...]], NoDecode] = Field(
        default={},
        description=(
            "Who gets which alerts (secret): page, ticket and report, each with its apprise URLs or SNS topic ARNs, as "
            "JSON or a TOML table. A severity that is named goes there and nowhere else, to nobody if the list is "
            "empty; one that is not named goes to ALERT_URLS and SNS_TOPIC_ARN"
        ),
    )
    language: Language = Field(
        default="en", description="Language of the alerts, the reports and the Prefect UI: en or ja"
    )
    alert_language: Language | None = Field(default=None, exclude=True, description="What LANGUAGE was called")
    heartbeat_url: SecretStr | None = Field(
        default=None, description="Called when last night is published; /start and /fail are appended (secret)"
    )
    watchdog_url: SecretStr | None = Field(
        default=None, description="Called when the watchdog found all well; /fail is appended if it did not (secret)"
    )
    publish_by_h: float = Field(
        default=12.0, gt=0, le=72, description="Local hours after the day's end by which its night must be published"
    )
    watch_days: int = Field(default=7, ge=1, le=92, description="Days that the watchdog and the late input check see")
    input_still_s: float = Field(
        default=600.0, ge=0, description="Seconds that a scheduled night wants its input to have been still for"
    )
    input_marker: str | None = Field(
        default=None,
        pattern=r"^[^/]+$",
        description="Object in the day's folder that says its input is complete, as _SUCCESS; it is waited for instead",
    )
    input_wait_h: float = Field(default=6.0, ge=0, description="Most hours that a scheduled night waits for its input")
    cloudwatch: bool = Field(
        default=False, description="Send each night's figures to CloudWatch, namespace NightlyModeration; no backfill's"
    )
    kms_key_id: str | None = Field(default=None, description="KMS key for Bedrock's output files")
    bucket_owner: str | None = Field(
        default=None,
        pattern=r"^[0-9]{12}$",
        description="Account that must own the buckets of OUTPUT_URI and BATCH_URI",
    )
    batch_retention_days: int = Field(default=7, ge=0, description="Days after which batch files are deleted")
    gx_max_rows: int = Field(default=1_000_000, ge=1, description="Rows that Great Expectations looks at")
    max_rejected_fraction: Fraction = Field(default=0.05, description="Row breaker, before spending")
    min_judged_fraction: Fraction = Field(default=0.5, description="Answer breaker, before publishing")
    max_text_chars: int = Field(default=10_000, ge=1, description="Longer comments are rejected")
    mask: bool = Field(
        default=False,
        description=(
            "Put placeholders in the place of telephone numbers, mail and postal addresses and card numbers in what "
            "the model is asked"
        ),
    )
    deduplicate: bool = Field(default=True, description="Judge equal texts of a day once")
    min_job_records: int = Field(default=100, ge=1, description="Bedrock's minimum number of records a job")
    max_shard_records: int = Field(default=100_000, ge=1, description="Records a job")
    max_shard_bytes: int = Field(default=1_000_000_000, ge=10_000, description="Bytes of a job's input file")
    max_attempts: int = Field(default=2, ge=1, description="Times that a run asks for a record whose answer failed")
    on_demand: bool = Field(default=True, description="Ask one by one, at full price, what is too little for a job")
    on_demand_concurrency: int = Field(default=4, ge=1, le=64, description="Calls at a time, on demand")
    on_demand_per_s: float = Field(default=5.0, gt=0, description="Most calls a second, on demand")
    count_tokens: bool = Field(
        default=True, description="Have Bedrock count the tokens of a sample for the estimate, where it does"
    )
    preflight_canary: bool = Field(
        default=True, description="Try one record by itself before the first job: a batch's bodies are not validated"
    )
    preflight_lifecycle: bool = Field(
        default=True, description="Alert when the model is legacy or ends within 60, 30 or 14 days"
    )
    preflight_buckets: bool = Field(
        default=True, description="Write, read and delete a probe in both own roots before the first job"
    )
    max_jobs_in_flight: int = Field(default=100, ge=1, description="Jobs submitted and not ended")
    backfill_max_jobs: int = Field(
        default=20, ge=1, description="Of these, a backfill's share: the account's quota less it is left to the nightly"
    )
    backfill_max_days: int = Field(default=92, ge=1, description="Most days of one backfill")
    max_flip_fraction: Fraction = Field(
        default=0.05, description="Most verdicts of a published day that a backfill may change without a person's word"
    )
    approval_wait_h: float = Field(
        default=24.0, gt=0, description="Hours that a backfill or an evaluation waits for a person's answer"
    )
    baseline_days: int = Field(
        default=28,
        ge=7,
        description=(
            "First days whose words and texts later nights are compared with, and trailing days that the expectations "
            "see; what a night's metrics are compared with is the detector's affair"
        ),
    )
    events: Path | None = Field(
        default=None,
        description=(
            "A TOML file of what the detector is told: `[[event]]` with name, first, last and metrics (none: all "
            "inputs): inputs of these days are shown and do not ring; `[[rebaselined]]` with date and metrics (none: "
            "all): a change that was wanted, from that night on they are compared with nights since then alone"
        ),
    )
    label_requests: LabelRequests = Field(
        default=LabelRequests(),
        description=(
            "Labels that a night asks people for, of flagged, borderline and clear comments, as JSON or a TOML table; "
            "all 0: none"
        ),
    )
    borderline_confidence: Fraction = Field(
        default=0.8, description="A comment that is not flagged, with a lower confidence than this, is borderline"
    )
    evaluation_task_type: str = Field(
        default="Generation",
        pattern=r"^[A-Za-z0-9]{1,63}$",
        description="taskType of Bedrock's evaluation jobs: guides write General, the API's model lists Generation",
    )
    judge_model_id: str | None = Field(
        default=None,
        description="Judges explanations, and reflects on guidelines; of another family than MODEL_ID, to be a judge",
    )
    margin: Fraction = Field(
        default=0.02,
        description="The loss of F1 that a candidate may have, at the most, to be called not worse",
    )
    promotion_max_cost_ratio: float | None = Field(
        default=None,
        gt=0,
        description="Most that a promoted candidate may cost, as a multiple of what the champion costs; none: no limit",
    )
    sampling_salt: SecretStr | None = Field(
        default=None,
        min_length=16,
        description=(
            "What samples are drawn by (secret): who knows it can tell which comments people will look at; none: a "
            "random one is kept in OUTPUT_URI"
        ),
    )
    dask_address: str | None = Field(
        default=None,
        pattern=r"^$|^(tcp|tls|ws|wss)://[^\s/@]+:[0-9]+$",
        description=(
            "Scheduler of a Dask cluster whose workers read and merge what a night is made of, tcp://HOST:PORT; none: "
            "this machine. It takes the extra `dask`"
        ),
    )
    thresholds: Thresholds = Thresholds()
    tolerances: Tolerances = Tolerances()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the TOML file."""
        config = _ConfigFile().config
        toml = (TomlConfigSettingsSource(settings_cls, toml_file=config),) if config else ()
        return init_settings, env_settings, *toml

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Read the settings, or say in one line what is wrong with them.

        Raises:
            SettingsMissing: if some without a default are not set, and nothing else is wrong.
            SettingsInvalid: if one is wrong, or no setting at all, or the TOML file cannot be read.
        """
        config = _ConfigFile().config
        if config is not None and not config.is_file():
            raise SettingsInvalid(f"{ENV_PREFIX}CONFIG names {config}, which is not a file")
        unknown = unknown_variables(EnvSettingsSource(cls).env_vars, cls)
        wrong = [describe_unknown(name, cls) for name in unknown]
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            is_only_missing = not wrong and all(item["type"] == "missing" for item in error.errors())
            wrong += [describe_wrong(item, cls) for item in error.errors()]
            raise (SettingsMissing if is_only_missing else SettingsInvalid)("; ".join(wrong)) from None
        except ValueError as error:  # a TOML file that does not parse
            raise SettingsInvalid(f"{config or 'settings'}: {error}") from None
        if wrong:
            raise SettingsInvalid("; ".join(wrong))
        for line in describe_lost(settings):
            warn_once(line)
        return settings

    _root = field_validator("comments_uri", "labels_uri", "output_uri", "batch_uri")(check_root)
    _output_root = field_validator("output_uri")(check_output_root)
    _batch_root = field_validator("batch_uri")(check_batch_root)

    @field_validator("events")
    @classmethod
    def _events(cls, file: Path | None) -> Path | None:
        if file is not None:
            read_events(file)
        return file

    @field_validator("golden_pack")
    @classmethod
    def _pack(cls, file: str) -> str:
        if file not in (OWN_PACK, NO_PACK) and not Path(file).is_file():
            raise ValueError(f"must be a file, {OWN_PACK!r} for the prompt's own pack, or {NO_PACK!r}")
        return file

    @field_validator("rules")
    @classmethod
    def _rules(cls, file: Path | None) -> Path | None:
        if file is not None and not file.is_file():
            raise ValueError("must be a file")
        return file

    @field_validator("role_arn")
    @classmethod
    def _role(cls, arn: str) -> str:
        if not _ROLE_ARN.fullmatch(arn):
            raise ValueError("must be an IAM role ARN, arn:aws:iam::123456789012:role/NAME")
        return arn

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        if name not in available_timezones():
            shown = repr(name) if _ZONE.fullmatch(name) else "this"
            raise ValueError(f"{shown} is not an IANA time zone")
        return name

    @field_validator("sns_topic_arn")
    @classmethod
    def _topic(cls, arn: str | None) -> str | None:
        if arn is not None and not SNS_TOPIC_ARN.fullmatch(arn):
            raise ValueError("must be the ARN of a standard SNS topic, arn:aws:sns:REGION:123456789012:NAME")
        return arn

    @field_validator("heartbeat_url", "watchdog_url")
    @classmethod
    def _ping_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not re.fullmatch(r"https?://[^\s/]+\S*", url.get_secret_value()):
            raise ValueError("must be an http(s) URL")
        return url

    @field_validator("alert_urls", mode="before")
    @classmethod
    def _urls(cls, value: Any) -> Any:
        """A JSON list, or URLs separated by white space."""
        if not isinstance(value, str):
            return value
        return json.loads(value) if value.lstrip().startswith("[") else value.split()

    @field_validator("alert_routes", mode="before")
    @classmethod
    def _routes(cls, value: Any) -> Any:
        """A mapping or its JSON; what it holds is as in ALERT_URLS. No error repeats a key: it may be a URL."""
        routes = json.loads(value) if isinstance(value, str) else value
        if not isinstance(routes, dict) or not set(routes) <= set(Severity):
            raise ValueError(f"must map some of {', '.join(Severity)} to lists of URLs")
        return {severity: cls._urls(urls) for severity, urls in routes.items()}

    @model_validator(mode="after")
    def _former_names(self) -> Settings:
        for former in RENAMED:
            value = getattr(self, former.name)
            if value is None:
                continue
            if former.successor in self.model_fields_set and getattr(self, former.successor) != value:
                raise ValueError(
                    f"{variable(former.name)} and {variable(former.successor)} say different things: the first is what "
                    "the second was called, leave it out"
                )
            object.__setattr__(self, former.successor, value)  # past the freeze: nobody has these settings yet
        return self

    @model_validator(mode="after")
    def _somebody_is_told(self) -> Settings:
        if (self.alert_urls or self.sns_topic_arn) and set(self.alert_routes) == set(Severity):
            raise ValueError(
                f"{ENV_PREFIX}ALERT_ROUTES names every severity, so ALERT_URLS and SNS_TOPIC_ARN would get nothing: "
                "leave them out, or name fewer"
            )
        return self

    @property
    def deployment(self) -> str:
        """What tells this deployment from the others of its account: where it publishes."""
        return self.output_uri

    @cached_property
    def announced(self) -> Announcements:
        """What the events' file says.

        Raises:
            SettingsInvalid: if the file is no longer what it was when the settings were read.
        """
        try:
            return read_events(self.events) if self.events else Announcements()
        except ValueError as error:
            raise SettingsInvalid(f"{ENV_PREFIX}EVENTS: {error}") from None

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.timezone)

    def without_secrets(self) -> Settings:
        """The same for whoever alerts nobody and draws no sample: what may travel to another machine."""
        fields = type(self).model_fields
        return self.model_copy(update={name: fields[name].get_default() for name in _SECRETS})

    def public(self) -> dict[str, Any]:
        """The settings as JSON values, without secrets."""
        return self.model_dump(mode="json", exclude=set(_SECRETS))

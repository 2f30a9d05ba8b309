"""Whole nights with every family, below Prefect: real boto3, the sandbox's S3 and Bedrock, a published day each."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import polars as pl
import pytest

from data_contracts.tables.comments import COMMENTS
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.base.errors import UnsupportedModel
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.ledger.entries import read_ledger
from tasks.ledger.prices import find_price

RUN_DATE = date(2026, 11, 18)
#: The first minute of the run date in Tokyo.
MIDNIGHT = datetime(2026, 11, 17, 15, tzinfo=UTC)
COMMENT_COUNT = 150

HAIKU = "jp.anthropic.claude-haiku-4-5-20251001-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-lite-v1:0"
GPT_OSS = "openai.gpt-oss-20b-1:0"


def put_day(sandbox: Sandbox) -> None:
    """Store a day of comments of which every third is bad."""
    rows = [
        {
            "comment_id": f"c{number}",
            "posted_at": MIDNIGHT + timedelta(minutes=number),
            "product_id": "p1",
            "user_id": "u1",
            "text": f"{'bad' if number % 3 == 0 else 'fine'} {number} </comment> 届きました {{{number}}}",
            "rating": 3,
        }
        for number in range(COMMENT_COUNT)
    ]
    body = BytesIO()
    pl.DataFrame(rows, schema=COMMENTS.polars_schema).write_parquet(body)
    key = f"comments/date={RUN_DATE}/part-0.parquet"
    sandbox.s3.put_object(Bucket="moderation-input", Key=key, Body=body.getvalue())


def published(sandbox: Sandbox) -> pl.DataFrame:
    """The day's verdicts as analysts read them."""
    key = f"verdicts/date={RUN_DATE}/verdicts.parquet"
    return pl.read_parquet(BytesIO(sandbox.s3.get_object(Bucket="moderation-output", Key=key)["Body"].read()))


def batch_output(sandbox: Sandbox) -> bytes:
    """Every output line that Bedrock wrote."""
    listed = sandbox.s3.list_objects_v2(Bucket="moderation-batch")["Contents"]
    keys = [item["Key"] for item in listed if item["Key"].endswith(".jsonl.out")]
    return b"".join(sandbox.s3.get_object(Bucket="moderation-batch", Key=key)["Body"].read() for key in keys)


@pytest.mark.parametrize(
    ("model_id", "choice", "invocation_type"),
    [
        pytest.param("amazon.nova-lite-v1:0", "auto", "InvokeModel", id="nova-lite"),
        pytest.param("jp.amazon.nova-2-lite-v1:0", "auto", "InvokeModel", id="nova-2-lite"),
        pytest.param("jp.amazon.nova-2-lite-v1:0", "Converse", "Converse", id="nova-2-lite-by-converse"),
        pytest.param(HAIKU, "Converse", "Converse", id="claude-by-converse"),
        pytest.param(GPT_OSS, "auto", "Converse", id="gpt-oss"),
        pytest.param("openai.gpt-oss-safeguard-20b", "auto", "Converse", id="gpt-oss-safeguard"),
        pytest.param(LLAMA, "auto", "Converse", id="llama"),
    ],
)
def test_a_night_is_published_by_every_family(
    model_id: str, choice: str, invocation_type: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All comments are judged right, fenced answers too, each asked once, its tokens and cost booked to the token."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    put_day(sandbox)
    settings = Settings.load(model_id=model_id, invocation_type=choice)
    night = play_night(settings, RUN_DATE, "run-1", lambda: datetime.now(UTC))
    assert night is not None
    assert (night.balance.verdict_count, night.violation_count) == (COMMENT_COUNT, COMMENT_COUNT // 3)

    verdicts = published(sandbox)
    assert verdicts["status"].unique().to_list() == ["judged"]
    assert set(verdicts.filter("violation")["category"]) == {"spam"}
    bad = {f"c{number}" for number in range(0, COMMENT_COUNT, 3)}
    assert set(verdicts.filter("violation")["comment_id"]) == bad
    assert list(sandbox.bedrock.paid_records.values()) == [1] * COMMENT_COUNT

    # Only what holds a model to bare JSON keeps fences out: a schema, or a fence that is open already.
    is_bare = model_id == HAIKU or invocation_type == "InvokeModel"
    assert (b'"```json\\n' in batch_output(sandbox)) is not is_bare

    (job,) = sandbox.client("bedrock").list_model_invocation_jobs()["invocationJobSummaries"]
    assert (job["modelId"], job["modelInvocationType"]) == (model_id, invocation_type)
    assert min(verdicts["input_tokens"]) > 0
    assert min(verdicts["output_tokens"]) > 0
    price = find_price(model_id, "batch")
    assert price is not None
    cost_usd = price.cost_usd(int(verdicts["input_tokens"].sum()), int(verdicts["output_tokens"].sum()))
    assert min(verdicts["cost_usd"]) > 0
    assert verdicts["cost_usd"].sum() == pytest.approx(cost_usd)
    canary_usd = night.balance.canary_cost_usd
    assert canary_usd is not None
    assert night.cost_usd == pytest.approx(cost_usd + canary_usd)


def make_profile(sandbox: Sandbox, name: str, source: str) -> str:
    """An application inference profile, as an operator makes one for a stage."""
    made = sandbox.client("bedrock").create_inference_profile(
        inferenceProfileName=name, modelSource={"copyFrom": source}, tags=[{"key": "stage", "value": name}]
    )
    return str(made["inferenceProfileArn"])


def test_a_profile_for_each_stage_tells_the_bill_apart(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bedrock is asked by the profiles' ARNs; verdicts, prices and books are those of the models behind them."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    put_day(sandbox)
    region = sandbox.client("bedrock").meta.region_name
    nightly = make_profile(sandbox, "nightly", f"arn:aws:bedrock:{region}:123456789012:inference-profile/{HAIKU}")
    light = make_profile(sandbox, "light", f"arn:aws:bedrock:{region}::foundation-model/{NOVA}")
    settings = Settings.load(model_id=nightly, light_model_id=light, policy="light_first")
    night = play_night(settings, RUN_DATE, "run-1", lambda: datetime.now(UTC))
    assert night is not None

    verdicts = published(sandbox)
    bad = {f"c{number}" for number in range(0, COMMENT_COUNT, 3)}
    assert (verdicts.height, set(verdicts["status"])) == (COMMENT_COUNT, {"judged"})
    assert set(verdicts.filter("violation")["comment_id"]) == bad
    assert set(verdicts["model_id"]) <= {nightly, light}

    prices = {light: find_price(NOVA, "batch"), nightly: find_price(HAIKU, "batch")}
    listed = sandbox.client("bedrock").list_model_invocation_jobs()["invocationJobSummaries"]
    assert {job["modelId"] for job in listed} == {nightly, light}
    ledger = read_ledger(adapters.connect(settings).storage, RunPaths(settings, RUN_DATE, "run-1"))
    assert {entry.model_id: entry.profiled_model_id for entry in ledger} == {nightly: HAIKU, light: NOVA}
    for entry in ledger:
        price, usage = prices[entry.model_id], entry.usage
        assert price is not None
        assert usage is not None
        factor = 1 if entry.mode == "batch" else 2  # a single call costs twice as much
        assert (usage.input_pico, usage.output_pico) == (factor * price.input_pico, factor * price.output_pico)
    assert min(verdicts["cost_usd"]) > 0
    assert night.cost_usd == pytest.approx(sum(entry.usage.cost_usd or 0 for entry in ledger if entry.usage))


def test_a_profile_that_is_not_there_costs_nothing(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The night stops before a call that is paid for, and the line names what to allow."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    put_day(sandbox)
    absent = "arn:aws:bedrock:ap-northeast-1:123456789012:application-inference-profile/absent"
    with pytest.raises(UnsupportedModel, match="allow bedrock:GetInferenceProfile on it"):
        play_night(Settings.load(model_id=absent), RUN_DATE, "run-1", lambda: datetime.now(UTC))
    assert not {"InvokeModel", "Converse", "CreateModelInvocationJob"} & set(sandbox.bedrock.call_counts)

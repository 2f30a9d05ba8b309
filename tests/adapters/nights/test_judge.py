"""A night's explanations, and two candidates', judged by a model of another family; the books and what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

import prompts
from benchmarks.storms.kill_points import Killed
from data_contracts.documents.evaluation.judgement import ExplanationJudgement
from sandbox.serve import Sandbox, running
from sandbox.stand_in_model import EXPLANATIONS
from sandbox.stand_ins.marked_mind import Judgement, MarkedMind
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import BedrockUnavailable, JobFailed, OverBudget, WrongUsage
from tasks.base.paths import EvaluationPaths
from tasks.base.ports import EvaluationJob, EvaluationRequest
from tasks.base.settings import Settings
from tasks.evaluate.judge.judge_explanations import JudgeWish, describe_judgement, judge_explanations
from tasks.evaluate.judge.judge_pairs import PairWish, describe_pairs, judge_pairs
from tasks.evaluate.judge.second_opinion import describe_opinion, second_opinion
from tasks.evaluate.runs.run_candidates import run_candidates
from tasks.evaluate.sets.add_set import add_set
from tasks.ledger.entries import read_ledger
from tasks.llm.quotes import REMOVED
from tests.factories import comment, comments, sha256
from tests.fakes import FakeClock
from tests.marked import MODEL_ID, MindBedrock, labelled
from tests.measured_nights import DAY, NOW, publish_verdicts, settings_in, verdict, verdicts_frame

NOVA = "amazon.nova-pro-v1:0"
CURT = "Explain advertised codes in one word."


class CurtMind(MarkedMind):
    """The marked stand-in, which explains one kind in one word where the guideline says so."""

    def under_guideline(self, judgement: Any, prompt_text: str) -> Judgement:
        """See Reading."""
        said = super().under_guideline(judgement, prompt_text)
        is_curt = CURT in prompt_text and said.kind is not None and said.kind.word == "codeword"
        return said._replace(explanation="Spam.") if is_curt else said


class Site:
    """A published night with 120 explanations; every tenth one is made up, one had quoted."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.settings = settings_in(folder, poll_interval_s=0.001, judge_model_id=NOVA)
        self.folder = folder
        real = adapters.connect(self.settings)
        self.storage = real.storage
        self.bedrock = MindBedrock(real.storage, CurtMind())
        outside = Adapters(real.storage, real.lake, self.bedrock, alerts=(), clock=FakeClock())
        patch.setattr(adapters, "connect", lambda _: outside)

    def publish(self, count: int) -> None:
        publish(self.settings, count)

    def judge(self, budget: float = 2.0, wish: JudgeWish = JudgeWish()) -> ExplanationJudgement:
        found = judge_explanations(self.settings, DAY, wish, budget, lambda: NOW)
        assert isinstance(found, ExplanationJudgement)
        return found


def publish(settings: Settings, count: int) -> None:
    """A night of explanations, and its comments."""
    rows, texts = [], []
    for number in range(count):
        text = f"cheap things number {number} at my own shop"
        words = "It is bad, 9 of 10." if number % 10 == 0 else EXPLANATIONS["spam"]
        said = {"violation": True, "category": "spam", "explanation": REMOVED if number == 1 else words}
        said |= {"text_sha256": sha256(text), "model_id": MODEL_ID, "decided_by": "model"}
        rows.append(verdict(f"c{number}", **said, prompt_name="comment_review", prompt_version="v1"))
        texts.append(comment(comment_id=f"c{number}", text=text, posted_at=NOW - timedelta(hours=1)))
    publish_verdicts(settings, DAY, verdicts_frame(rows))
    body = BytesIO()
    comments(*texts).write_parquet(body)
    uri = f"{settings.comments_uri}/date={DAY}/part.parquet"
    adapters.connect(settings).storage.put(uri, body.getvalue())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    site = Site(tmp_path, monkeypatch)
    site.publish(121)
    return site


def test_a_night_is_judged_once_by_a_batch_job(site: Site) -> None:
    """One job of another model, exact books, no text kept; again it costs nothing; without people not validated."""
    found = site.judge()
    assert (found.n, found.removed_count, found.unanswered_count) == (120, 1, 0)
    shares = {figure.name: figure.x for figure in found.criteria}
    assert (shares["adds_no_fact"], shares["quotes_nothing"]) == (107, 120)
    assert [job.model_id for job in site.bedrock.jobs] == [NOVA]
    paths = EvaluationPaths(site.settings, DAY, f"explanations.{DAY}")
    (entry,) = read_ledger(site.storage, paths)
    assert entry.usage is not None
    assert found.cost_usd == pytest.approx(entry.usage.cost_usd)
    assert entry.job_name.startswith(f"ne-explanations.{DAY}-00000-")
    assert not found.gate.is_validated
    assert "not validated" in describe_judgement(found)[1]
    assert json.loads(site.storage.get(paths.judgement(str(DAY))) or b"")["n"] == 120
    kept = [path for path in (site.folder / "output").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"cheap things number" in path.read_bytes()]
    assert not [path for path in (site.folder / "batch").rglob("*") if path.is_file()]
    assert site.judge() == found
    assert len(site.bedrock.jobs) == 1


def test_budget_and_crash(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the budget nothing is asked; a run that dies after its create call is gone on with, and pays once."""
    with pytest.raises(OverBudget, match="nothing was asked"):
        site.judge(budget=0.001)
    create = site.bedrock.create_job

    def create_and_die(*args: object) -> str:
        create(*args)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(site.bedrock, "create_job", create_and_die)
    with pytest.raises(Killed):
        site.judge()
    monkeypatch.setattr(site.bedrock, "create_job", create)
    assert site.judge().n == 120
    assert len(site.bedrock.jobs) == 1
    assert set(site.bedrock.paid_records.values()) == {1}


def test_people_validate_the_judge(site: Site) -> None:
    """A sheet asks nobody; two people's sheets of it validate the judge, who agrees with them."""
    sheet = site.folder / "sheet.csv"
    asked = judge_explanations(site.settings, DAY, JudgeWish(sheet=sheet), 2.0, lambda: NOW)
    assert asked == 120
    assert not site.bedrock.jobs
    rows = pl.read_csv(sheet.read_bytes())
    files = []
    for rater, slips in (("ann", 7), ("ben", 11)):
        made_up = pl.col("explanation").str.contains("9 of 10")
        slipped = pl.int_range(pl.len()) % slips == 0
        filled = rows.with_columns(
            rater=pl.lit(rater),
            names_rule=pl.lit("true"),
            fits_category=pl.when(made_up).then(pl.lit("false")).otherwise(pl.lit("true")),
            quotes_nothing=pl.lit("true"),
            adds_no_fact=pl.when(made_up != slipped).then(pl.lit("false")).otherwise(pl.lit("true")),
            language_and_length=pl.lit("true"),
        )
        files.append(site.folder / f"{rater}.csv")
        filled.write_csv(files[-1])
    found = site.judge(wish=JudgeWish(ratings=tuple(files)))
    assert found.gate.is_validated
    assert found.gate.rated_count == 120
    assert describe_judgement(found)[1].startswith("VALIDATED")


def test_a_day_without_explanations(site: Site) -> None:
    """It is wrong usage, and names the day."""
    with pytest.raises(WrongUsage, match="2020-01-01 has no published verdict"):
        judge_explanations(site.settings, DAY.replace(2020, 1, 1), JudgeWish(), 2.0, lambda: NOW)


def test_pairs_in_both_orders(site: Site) -> None:
    """Pairs that differ are asked twice; the same judge by position gives ties, one that knows gives wins."""
    file = site.folder / "set.csv"
    pl.DataFrame(labelled(150)).write_csv(file)
    add_set(site.settings, "reviews", [file], NOW)
    first, draft = prompts.load("comment_review", "v1"), site.folder / "draft.md"
    changed = first.system.replace("Allowed:", f"{CURT}\nAllowed:")
    draft.write_text(prompts.render(prompts.Prompt(**first.model_dump() | {"version": "v2", "system": changed})))
    names = ["prompt=v1", f"prompt={draft}"]
    run_candidates(site.settings, "reviews", names, "dev", 5.0, "one", lambda: NOW)
    wish = PairWish(names[0], names[1])
    found = judge_pairs(site.settings, "reviews", wish, 2.0, lambda: NOW)
    assert found.champion_wins == found.n > 0
    assert found.identical_count > 0
    assert found.position_consistency.share == 1.0
    assert (found.win_rate.share, found.longer_win_rate.share, found.follows_length.share) == (0.0, 0.0, 1.0)
    assert not found.is_validated
    assert "not validated" in describe_pairs(found)[1]
    asked = site.bedrock.invoked.total()
    assert judge_pairs(site.settings, "reviews", wish, 2.0, lambda: NOW) == found
    assert site.bedrock.invoked.total() == asked
    with pytest.raises(WrongUsage, match="is of the family of"):
        judge_pairs(site.settings, "reviews", wish._replace(model_id="anthropic.claude-sonnet-4-6"), 2.0, lambda: NOW)
    with pytest.raises(WrongUsage, match="has an explanation of both"):
        judge_pairs(site.settings, "reviews", wish._replace(split="test"), 2.0, lambda: NOW)


@pytest.fixture(scope="module")
def wire() -> Iterator[Sandbox]:
    """S3 and Bedrock over HTTP, with a night of explanations in it."""
    with running(mind=MarkedMind(), job_seconds=0) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        publish(Settings.load(), 31)
        yield sandbox


def test_second_opinion_over_the_wire(wire: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dataset, job, report over real HTTP, by botocore's model; a lost answer makes no second job; no file stays."""
    settings = Settings.load().model_copy(update={"judge_model_id": NOVA, "poll_interval_s": 0.05})
    real = adapters.connect(settings)
    create = real.evaluations.create

    def create_and_lose(request: EvaluationRequest) -> str:
        create(request)
        raise BedrockUnavailable("the answer was lost")

    with pytest.raises(OverBudget, match="nothing was asked"):
        second_opinion(settings, DAY, JudgeWish(), 0.01, lambda: NOW)
    lost = replace(real, evaluations=SimpleNamespace(create=create_and_lose, get=real.evaluations.get))
    monkeypatch.setattr(adapters, "connect", lambda _: lost)
    with pytest.raises(BedrockUnavailable):
        second_opinion(settings, DAY, JudgeWish(), 2.0, lambda: NOW)
    monkeypatch.setattr(adapters, "connect", lambda _: real)
    found = second_opinion(settings, DAY, JudgeWish(), 2.0, lambda: NOW)
    assert (found.status, found.n) == ("Completed", 30)
    assert {figure.name: figure.x for figure in found.criteria}["adds_no_fact"] == 26
    assert wire.bedrock.call_counts["CreateEvaluationJob"] == 2
    created = wire.bedrock.calls_of("CreateEvaluationJob")
    assert created[0].parameters == created[1].parameters
    assert not list(real.storage.list(f"{settings.batch_uri}/evaluation"))
    assert second_opinion(settings, DAY, JudgeWish(), 2.0, lambda: NOW) == found
    assert wire.bedrock.call_counts["CreateEvaluationJob"] == 2
    assert "second opinion" in describe_opinion(found)[1]


def test_a_failed_evaluation_job_says_why(wire: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words are in the error, its files are gone, and the same command asks for another job."""
    settings = Settings.load()
    real = adapters.connect(settings)
    failed = EvaluationJob(status="Failed", messages=("the role cannot read the dataset",))
    broken = SimpleNamespace(create=real.evaluations.create, get=lambda _: failed)
    monkeypatch.setattr(adapters, "connect", lambda _: replace(real, evaluations=broken))
    with pytest.raises(JobFailed, match="the role cannot read the dataset"):
        second_opinion(settings, DAY, JudgeWish(model_id=NOVA, sample=5), 2.0, lambda: NOW)
    assert not list(real.storage.list(f"{settings.batch_uri}/evaluation"))
    monkeypatch.setattr(adapters, "connect", lambda _: real)
    settings = settings.model_copy(update={"poll_interval_s": 0.05})
    assert second_opinion(settings, DAY, JudgeWish(model_id=NOVA, sample=5), 2.0, lambda: NOW).status == "Completed"

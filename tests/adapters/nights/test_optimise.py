"""An optimisation with its books: what it asks, pays, drafts, and how a killed one goes on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import prompts
from benchmarks.storms.kill_points import Killed
from data_contracts.documents.evaluation.optimisation import Optimisation
from data_contracts.documents.ledger import EntryState
from data_contracts.tables.evaluation_sets import EXPERIMENTS
from sandbox.serve import running
from sandbox.stand_ins.marked_mind import MarkedMind
from sandbox.stand_ins.reflectors import HELP
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import OverBudget, WrongUsage
from tasks.base.paths import EvaluationPaths
from tasks.base.ports import JobRequest
from tasks.base.settings import Settings
from tasks.evaluate.compare_candidates import compare_candidates
from tasks.evaluate.optimise.drafts import describe_optimisation
from tasks.evaluate.optimise.guideline import read_guideline
from tasks.evaluate.optimise.optimise_prompt import Wish, optimise_prompt
from tasks.evaluate.optimise.optimize_prompt import MODEL_ID
from tasks.evaluate.optimise.search import Limits
from tasks.evaluate.runs.run_candidates import run_candidates
from tasks.evaluate.sets.add_set import add_set
from tasks.ledger.entries import read_ledger
from tests.fakes import FakeClock
from tests.marked import MindBedrock, labelled
from tests.measured_nights import settings_in

NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)
WISH = Wish(sources=("reflect",), limits=Limits(rounds=2, patience=1, minibatch=20))


class Site:
    """A folder with a set of 420 comments in it, and a Bedrock in memory that judges by the guideline."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, reflector: str = "helps") -> None:
        self.settings: Settings = settings_in(folder, poll_interval_s=0.001)
        self.folder = folder
        real = adapters.connect(self.settings)
        self.lake, self.storage = real.lake, real.storage
        self.bedrock = MindBedrock(real.storage, MarkedMind(reflector))
        outside = Adapters(real.storage, real.lake, self.bedrock, alerts=(), clock=FakeClock())
        patch.setattr(adapters, "connect", lambda _: outside)
        add_reviews(self.settings, folder)

    def optimise(self, budget: float = 5.0, wish: Wish = WISH) -> tuple[Optimisation, str | None]:
        return optimise_prompt(self.settings, "reviews", wish, budget, lambda: NOW)

    @property
    def calls(self) -> int:
        """Everything that was answered, and so paid for."""
        return sum(self.bedrock.paid_records.values()) + sum(self.bedrock.invoked.values())

    def booked(self) -> float:
        """What both ledgers say was paid."""
        entries = [
            entry
            for name in ("reviews", "reviews.optimise")
            for entry in read_ledger(self.storage, EvaluationPaths(self.settings, NOW.date(), name))
        ]
        assert {entry.state for entry in entries} <= {EntryState.COLLECTED}
        return sum(entry.usage.cost_usd or 0.0 for entry in entries if entry.usage)


def add_reviews(settings: Settings, folder: Path) -> None:
    file = folder / "reviews.csv"
    rows = labelled(420)
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    add_set(settings, "reviews", [file], NOW)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return Site(tmp_path, monkeypatch)


def test_a_better_guideline_is_drafted(site: Site) -> None:
    """The draft has the missing rule, is better on test by one look, is stored with its notes, and the books add up."""
    found, draft = site.optimise()
    assert draft is not None
    assert found.draft_f1 == 1.0 > found.first_f1
    assert found.outcome == "better"
    prompt = prompts.parse(draft, "comment_review/v2")
    assert HELP in read_guideline(prompt)
    assert "On test: better" in prompt.notes
    assert prompt.sha256 == found.draft_sha256
    paths = EvaluationPaths(site.settings, NOW.date(), "reviews")
    assert site.storage.get(paths.draft(found.id or "", "md")) == draft.encode()
    kept = json.loads(site.storage.get(paths.draft(found.id or "", "json")) or b"")
    assert kept["comparison"] == found.comparison
    comparison = json.loads(site.storage.get(paths.comparison(found.comparison or "")) or b"")
    assert (comparison["split"], comparison["looks"]) == ("test", 1)
    assert found.spent_usd == pytest.approx(site.booked())
    assert any("draft:" in line for line in describe_optimisation(found))
    asked_count = site.calls
    again, _ = site.optimise()
    assert site.calls == asked_count
    assert again.model_dump(exclude={"notes"}) == found.model_dump(exclude={"notes"})


def test_no_text_of_the_set_stays_behind(site: Site) -> None:
    """The question and its reply are in batch files alone, which go; drafts, replies and ledgers hold no comment."""
    site.optimise()
    assert not list(site.storage.list(f"{site.settings.batch_uri}/evaluation"))
    kept = [path for path in (site.folder / "output").rglob("*") if path.is_file() and "/sets/" not in str(path)]
    assert kept
    assert not [path for path in kept if b"vouchr " in path.read_bytes()]


def test_a_copy_is_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reflector that copies drafts nothing, and what it copied is in no file."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    site = Site(tmp_path, monkeypatch, "copies")
    found, draft = site.optimise()
    assert (found.id, draft) == (None, None)
    assert "repeats a labelled text" in found.attempts[0].came_of_it
    kept = [path for path in (site.folder / "output").rglob("*") if path.is_file() and "/sets/" not in str(path)]
    assert not [path for path in kept if b"vouchr " in path.read_bytes()]


def test_budget_is_kept(site: Site) -> None:
    """A budget that does not hold the first prompt asks nothing; one that ends midway stops with what there is."""
    with pytest.raises(OverBudget, match="nothing was asked"):
        site.optimise(budget=0.01)
    assert site.calls == 0
    found, draft = site.optimise(budget=0.36)
    assert "the budget" in found.stopped
    assert site.booked() <= 0.36
    assert draft is None
    assert found.spent_usd == pytest.approx(site.booked())


@pytest.mark.parametrize("dies", ["in the first call", "in a later call", "as a job is made"])
def test_a_kill_is_gone_on_with(site: Site, monkeypatch: pytest.MonkeyPatch, dies: str) -> None:
    """A search that dies in a call, or as a job is made, ends like one that lived; at most that call is paid again."""
    create, made = site.bedrock.create_job, iter(range(10))

    def create_and_die(request: JobRequest) -> str:
        arn = create(request)
        if next(made) == 1:
            raise Killed
        return arn

    if dies == "as a job is made":
        monkeypatch.setattr(site.bedrock, "create_job", create_and_die)
    else:
        site.bedrock.crash_after = 0 if dies == "in the first call" else 25
    with pytest.raises(Killed):
        site.optimise()
    site.bedrock.crash_after = None
    found, draft = site.optimise()
    assert draft is not None
    assert found.draft_f1 == 1.0
    assert max(site.bedrock.paid_records.values()) == 1
    assert sum(count - 1 for count in site.bedrock.invoked.values()) <= site.settings.on_demand_concurrency
    assert found.spent_usd == pytest.approx(site.booked())


def test_an_open_set_is_needed(site: Site) -> None:
    """No such set, a source that is none, and a budget of nothing are wrong usage."""
    with pytest.raises(WrongUsage, match="there is no set"):
        optimise_prompt(site.settings, "other", WISH, 1.0, lambda: NOW)
    with pytest.raises(WrongUsage, match="no source"):
        site.optimise(wish=Wish(sources=("magic",)))
    with pytest.raises(WrongUsage, match="above 0"):
        site.optimise(budget=0.0)


def test_a_draft_is_a_candidate(site: Site) -> None:
    """A draft's file can be named as a prompt; another one under the same version is another candidate."""
    draft = site.folder / "draft.md"
    first = prompts.load("comment_review", "v1")
    changed = first.model_dump() | {"version": "v2", "system": first.system.replace("coupon codes, ", "")}
    draft.write_text(prompts.render(prompts.Prompt(**changed)), encoding="utf-8")
    run_candidates(site.settings, "reviews", ["prompt=v1", f"prompt={draft}"], "dev", 5.0, "one", lambda: NOW)
    found = compare_candidates(site.settings, "reviews", "prompt=v1", f"prompt={draft}", "dev", NOW)
    assert found.challenger.candidate.startswith("prompt=comment_review/v2@")
    assert (found.champion.f1 or 0) > (found.challenger.f1 or 0)
    paths = EvaluationPaths(site.settings, NOW.date(), "reviews")
    shas = set(site.lake.read(paths.lake("experiments"), EXPERIMENTS).select("prompt_sha256").collect().to_series())
    assert all(site.storage.get(paths.prompt(sha)) for sha in shas)


@pytest.fixture(scope="module")
def served() -> Iterator[Settings]:
    """S3 and Bedrock over HTTP, with the marked stand-in behind Bedrock."""
    with running(mind=MarkedMind("helps"), job_seconds=0) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        yield Settings.load()


def test_over_the_wire(served: Settings, tmp_path: Path) -> None:
    """Over real HTTP: jobs, counted tokens, single calls, OptimizePrompt's events, S3's keys; the draft is found."""
    prices = tmp_path / "prices.toml"
    listed = (Path(__file__).parents[3] / "prices.toml").read_text(encoding="utf-8")
    own = f'[[price]]\nmodel = "{MODEL_ID}"\nglobal = {{ batch = [30.0, 30.0], on_demand = [30.0, 30.0] }}\n'
    prices.write_text(f"{listed}\n{own}", encoding="utf-8")
    settings = served.model_copy(update={"poll_interval_s": 0.05, "on_demand_per_s": 200.0, "prices": prices})
    add_reviews(settings, tmp_path)
    wish = WISH._replace(sources=("reflect", "optimize-prompt"))
    found, draft = optimise_prompt(settings, "reviews", wish, 5.0, lambda: datetime.now(UTC))
    assert draft is not None
    assert found.outcome == "better"
    assert not list(adapters.connect(settings).storage.list(f"{settings.batch_uri}/evaluation"))
    came = {(each.source, each.came_of_it) for each in found.attempts if each.round == 1}
    assert ("optimize-prompt", "refused: it was tried before") in came  # the stand-in rewrites as the other reflects


def test_what_has_no_price_is_not_asked(site: Site) -> None:
    """Bedrock's OptimizePrompt is in no shipped list of prices: the search ends and says so."""
    found, draft = site.optimise(wish=WISH._replace(sources=("optimize-prompt",)))
    assert draft is None
    assert f"{MODEL_ID} has no known price" in found.stopped

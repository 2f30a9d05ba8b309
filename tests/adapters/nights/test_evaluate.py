"""A set comes in, candidates are asked once, and a comparison says which is better."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

import prompts
from benchmarks.storms.kill_points import Killed
from data_contracts.documents.evaluation.comparison import ComparisonOutcome
from data_contracts.documents.ledger import LedgerEntry
from data_contracts.tables.evaluation_sets import EXPERIMENTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import BadRows, BedrockUnavailable, OverBudget, WrongUsage
from tasks.base.paths import DayPaths, EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.compare_candidates import compare_candidates
from tasks.evaluate.nights.compare_night import NightComparison, compare_night
from tasks.evaluate.runs.run_candidates import EvaluationRun, run_candidates
from tasks.evaluate.savings.describe_savings import describe_savings
from tasks.evaluate.savings.measure_savings import measure_savings
from tasks.evaluate.sets.add_night import add_night, describe_night
from tasks.evaluate.sets.add_set import add_set
from tasks.evaluate.sets.next_version import AddedSet
from tasks.evaluate.sets.versions import read_version, write_version
from tasks.evaluate.successors.try_successors import Trials, describe_trials, try_successors
from tasks.labels.requests import read_requests
from tasks.ledger.entries import read_ledger
from tests.fakes import FakeBedrock
from tests.measured_nights import label, labels_frame, settings_in
from tests.review_site import DAY, put_day

NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)
OTHER = "model=global.anthropic.claude-sonnet-4-6"


class Bench:
    """A folder with an evaluation in it, and a Bedrock that finds "bad" comments."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, golden_pack: str = "none") -> None:
        self.settings: Settings = settings_in(folder, poll_interval_s=0.001, golden_pack=golden_pack)
        self.folder = folder
        real = adapters.connect(self.settings)
        self.lake, self.storage = real.lake, real.storage
        self.bedrock = FakeBedrock(real.storage, polls_until_done=1)
        patch.setattr(adapters, "connect", lambda _: Adapters(real.storage, real.lake, self.bedrock, alerts=()))

    def add(self, count: int, *, name: str = "reviews") -> AddedSet:
        """Items of which every third is a violation that the stand-in finds, and every ninth one that it misses."""
        rows = ["text,violation,category,language"]
        for number in range(count):
            kind = "bad " if number % 3 == 0 else "sly " if number % 9 == 1 else "fine "
            violation = kind != "fine "
            words = f"{kind}item {number * 7919:x} {chr(97 + number % 26) * 9} {number * 104729:x}"
            rows.append(f"{words},{str(violation).lower()},{'spam' if violation else 'none'},en")
        file = self.folder / f"{name}-{count}.csv"
        file.write_text("\n".join(rows), encoding="utf-8")
        return add_set(self.settings, name, [file], NOW)

    def run(self, *candidates: str, name: str = "reviews", budget: float = 5.0, run_id: str = "one") -> EvaluationRun:
        return run_candidates(self.settings, name, candidates, "all", budget, run_id, lambda: NOW)

    def ledger(self) -> list[LedgerEntry]:
        """What was asked about the set."""
        return read_ledger(self.storage, EvaluationPaths(self.settings, NOW.date(), "reviews"))

    def experiments(self) -> pl.DataFrame:
        paths = EvaluationPaths(self.settings, NOW.date(), "reviews")
        return self.lake.read(paths.lake("experiments"), EXPERIMENTS).collect()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return Bench(tmp_path, monkeypatch)


def test_a_set_is_asked_once_and_compared(bench: Bench) -> None:
    """Two models over 240 items: two jobs, an answer each; asking again pays nothing; the comparison adds up."""
    added = bench.add(240)
    assert sum(added.counts.values()) == 240
    assert set(added.counts) == {"train", "dev", "test"}
    done = bench.run("prompt=v1", OTHER)
    assert [one.asked_count for one in done.candidates] == [240, 240]
    assert [one.unanswered_count for one in done.candidates] == [0, 0]
    assert len(bench.bedrock.jobs) == 2
    again = bench.run("prompt=v1", OTHER, run_id="two")
    assert [one.asked_count for one in again.candidates] == [0, 0]
    assert len(bench.bedrock.jobs) == 2
    rows = bench.experiments()
    assert rows.height == 480
    assert rows["cost_usd"].null_count() == 0
    assert "text" not in rows.columns
    found = compare_candidates(bench.settings, "reviews", "prompt=v1", OTHER, "all", NOW)
    assert (found.n, found.violations, found.discordant) == (240, 107, 0)
    assert found.champion.recall == pytest.approx(80 / 107)
    assert found.outcome in (ComparisonOutcome.NOT_WORSE, ComparisonOutcome.CANNOT_TELL)
    stored = EvaluationPaths(bench.settings, NOW.date(), "reviews").comparison(found.id)
    assert json.loads(bench.storage.get(stored) or b"")["n"] == 240


def test_batch_files_go_and_no_text_stays_outside_sets(bench: Bench) -> None:
    """Once answers are collected no file of theirs is left in the batch root, and only the set has a text."""
    bench.add(150)
    bench.run("prompt=v1")
    assert not list(bench.storage.list(EvaluationPaths(bench.settings, NOW.date(), "reviews").batch))
    kept = [path for path in (bench.folder / "output").rglob("*") if path.is_file() and "/sets/" not in str(path)]
    assert kept
    assert not [path for path in kept if b"sly item" in path.read_bytes()]


def test_few_items_go_on_demand(bench: Bench) -> None:
    """Under the minimum of a job each text is asked by itself."""
    bench.add(30)
    done = bench.run("prompt=v1")
    assert done.candidates[0].unanswered_count == 0
    assert not bench.bedrock.jobs
    assert bench.experiments().height == 30


def test_budget_comes_first(bench: Bench) -> None:
    """An estimate over the budget asks nothing at all."""
    bench.add(240)
    with pytest.raises(OverBudget, match="nothing was asked"):
        bench.run("prompt=v1", OTHER, budget=0.0001)
    assert not bench.bedrock.jobs
    assert bench.experiments().is_empty()


def test_a_crash_pays_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that dies right after its create call is gone on with: the job is adopted, nothing is asked twice."""
    bench.add(240)
    create = bench.bedrock.create_job

    def create_and_die(*args: object, **kwargs: object) -> str:
        create(*args, **kwargs)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(bench.bedrock, "create_job", create_and_die)
    with pytest.raises(Killed):
        bench.run("prompt=v1", run_id="one")
    monkeypatch.setattr(bench.bedrock, "create_job", create)
    done = bench.run("prompt=v1", run_id="one")
    assert len(bench.bedrock.jobs) == 1
    assert (done.candidates[0].asked_count, done.candidates[0].unanswered_count) == (0, 0)
    assert bench.experiments().height == 240


def test_the_same_candidate_twice_is_the_floor_of_noise(bench: Bench) -> None:
    """A champion that is named twice is asked twice, and a comparison says how often it changes its own verdict."""
    bench.add(240)
    bench.run("prompt=v1", "prompt=v1", OTHER)
    assert len(bench.bedrock.jobs) == 3
    found = compare_candidates(bench.settings, "reviews", "prompt=v1", OTHER, "test", NOW)
    assert found.noise == 0
    assert found.looks == 1


def test_what_was_not_asked_is_not_compared(bench: Bench) -> None:
    """The error names the command that asks."""
    bench.add(240)
    bench.run("prompt=v1")
    with pytest.raises(WrongUsage, match="240 items were not asked of the challenger: python -m flows evaluate run"):
        compare_candidates(bench.settings, "reviews", "prompt=v1", OTHER, "all", NOW)


def test_policies_are_scored_without_a_call(bench: Bench) -> None:
    """Each shipped policy has a line; where the light model was not asked, the command that asks it is named."""
    bench.add(240)
    settings = bench.settings.model_copy(update={"light_model_id": OTHER.removeprefix("model=")})
    with pytest.raises(WrongUsage, match="240 of 240 items were not asked: python -m flows evaluate run reviews"):
        measure_savings(settings, "reviews", NOW)
    bench.run("prompt=v1")
    before = measure_savings(settings, "reviews", NOW)
    light = next(row for row in before.policies if row.policy == "light_first")
    assert set(light.model_dump().values()) == {"light_first", None}
    assert f"evaluate run reviews --candidate prompt=comment_review/v1,{OTHER}" in "\n".join(describe_savings(before))
    bench.run(OTHER, run_id="two")
    jobs = len(bench.bedrock.jobs)
    found = measure_savings(settings, "reviews", NOW)
    assert len(bench.bedrock.jobs) == jobs
    plain, light = (next(row for row in found.policies if row.policy == name) for name in ("plain", "light_first"))
    assert plain.recall == pytest.approx(80 / 107)
    assert plain.cost_ratio == pytest.approx(1.0)
    assert plain.recall_loss_high == 0.0
    assert light.recall_loss_high is not None
    assert light.cost_ratio is not None
    assert light.cost_ratio > 1  # this light model costs more than the model
    assert next(row.threshold for row in found.replay if row.policy == "light_first") == 1.0


def test_packs_are_asked_scored_and_priced(bench: Bench) -> None:
    """Whole packs first, what fills none alone, once; then `savings` says what packs cost and lose."""
    bench.add(245)
    bench.run("prompt=v1")
    before = measure_savings(bench.settings, "reviews", NOW)
    assert "model=global.anthropic.claude-haiku-4-5-20251001-v1:0,policy=packed" in before.lacking["packed"]
    (packed,) = bench.run("policy=packed", run_id="two").candidates
    assert (packed.asked_count, packed.unanswered_count) == (240, 0)
    assert sum(entry.record_count for entry in bench.ledger() if entry.step == "pack") == 24
    (again,) = bench.run("policy=packed", run_id="three").candidates
    assert (again.asked_count, again.unanswered_count, again.cost_usd) == (0, 0, packed.cost_usd)
    rows = bench.experiments().filter(pl.col("pack") == 10)
    assert set(rows["slot"]) == set(range(1, 11))
    booked = sum(entry.usage.input_tokens for entry in bench.ledger() if entry.step == "pack" and entry.usage)
    assert rows["input_tokens"].sum() == booked > 0
    found = measure_savings(bench.settings, "reviews", NOW)
    row = next(one for one in found.policies if one.policy == "packed")
    assert row.recall == pytest.approx(82 / 110)
    assert row.cost_ratio is not None
    assert row.recall_loss_high is not None
    assert row.recall_loss_high < 0.05
    outcome = compare_candidates(bench.settings, "reviews", "prompt=v1", "policy=packed", "all", NOW)
    assert outcome.challenger.candidate.endswith("policy=packed")
    with pytest.raises(WrongUsage, match="`python -m flows savings` replays it"):
        bench.run("policy=tenth")


def test_throttled_on_demand_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Bedrock that fails in the middle leaves what was answered; the next run asks for the rest alone."""
    bench.add(30)
    invoke, count = bench.bedrock.invoke, iter(range(1000))

    def fail_later(*args: object) -> object:
        if next(count) >= 10:
            raise BedrockUnavailable("no answer")
        return invoke(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.bedrock, "invoke", fail_later)
    with pytest.raises(BedrockUnavailable):
        bench.run("prompt=v1", run_id="one")
    monkeypatch.setattr(bench.bedrock, "invoke", invoke)
    assert bench.run("prompt=v1", run_id="one").candidates[0].unanswered_count == 0
    assert bench.experiments().height == 30


def test_next_version_keeps_splits_and_asks_what_is_new(bench: Bench) -> None:
    """Items that stay keep their split, and only the new ones are asked."""
    bench.add(120)
    bench.run("prompt=v1")
    added = bench.add(240)
    assert (added.version, added.replaced_count) == (2, 120)
    assert bench.run("prompt=v1", run_id="two").candidates[0].asked_count == 120


def test_a_night_becomes_a_set(bench: Bench) -> None:
    """Each labelled comment of a published night, with text and weight, is an item; the same night again adds none."""
    names = {f"c{number}": 1 for number in range(6)}
    put_day(bench.settings, DAY, names, lost=["c5"])
    given = [
        label(name, stratum="clear", inclusion_probability=0.25, violation=name == "c1", category=category)
        for name, category in (("c0", "none"), ("c1", "spam"), ("c2", "none"), ("c5", "none"))
    ]
    body = BytesIO()
    labels_frame(given).write_parquet(body)
    bench.storage.put(f"{DayPaths(bench.settings, DAY).labels}/part-0.parquet", body.getvalue())
    done = add_night(bench.settings, "logs", DAY, NOW)
    assert (done.added.version, done.added.added_count, done.night.without_text_count) == (1, 3, 1)
    assert any("3 labels of source sample stand for 12 comments" in line for line in describe_night(done))
    again = add_night(bench.settings, "logs", DAY, NOW)
    assert (again.added.version, again.added.added_count, again.added.replaced_count) == (2, 0, 3)
    with pytest.raises(WrongUsage, match=f"no night of {DAY + timedelta(1)} is published"):
        add_night(bench.settings, "logs", DAY + timedelta(1), NOW)
    assert bench.run("prompt=v1", name="logs").candidates[0].unanswered_count == 0


def test_a_challenger_is_tried_on_a_night(bench: Bench) -> None:
    """It is asked once; people are asked only where it differs and for two checks; their labels make the comparison."""
    texts = {f"c{number:03d}": f"{'bad' if number < 12 else 'fine'} comment {number}" for number in range(200)}
    put_day(bench.settings, DAY, dict.fromkeys(texts, 1), texts)
    paths, lake = DayPaths(bench.settings, DAY), bench.lake
    request = {"stratum": "clear", "stratum_size": 200, "inclusion_probability": 1.0, "rater_slots": 1}

    def tell(max_cost_usd: float = 5.0) -> NightComparison:
        return compare_night(bench.settings, DAY, OTHER, 1.0, max_cost_usd, "run-n", lambda: NOW)

    with pytest.raises(OverBudget, match="nothing was asked"):
        tell(0.0)
    first = tell()
    assert (first.asked_count, first.new_count, first.open_count) == (200, 72, 72)
    assert first.comparison.outcome is ComparisonOutcome.CANNOT_TELL
    assert first.comparison.needs_labels == 72
    requests = read_requests(lake, paths)
    assert dict(requests.group_by("purpose").len().iter_rows()) == {"sample": 200, "disagreement": 72}
    assert requests.filter(purpose="sample").select(list(request)).height == 200
    again = tell(0.0)
    assert (again.asked_count, again.new_count, len(bench.bedrock.jobs)) == (0, 0, 1)
    truth = {name: "bad" in texts[name] for name in texts}
    body = BytesIO()
    labels_frame(
        [
            label(name, source="disagreement", violation=truth[name], category="spam" if truth[name] else "none")
            for name in requests.filter(purpose="disagreement")["comment_id"]
        ]
    ).write_parquet(body)
    bench.storage.put(f"{paths.labels}/part-0.parquet", body.getvalue())
    told = tell(0.0)
    assert told.open_count == 0
    found = told.comparison
    assert (found.n, found.violations, found.discordant, found.outcome) == (72, 12, 12, ComparisonOutcome.BETTER)
    assert found.champion.recall == 0
    assert found.challenger.recall == pytest.approx(1, abs=0.05)
    assert (
        json.loads(bench.storage.get(EvaluationPaths(bench.settings, DAY, "").comparison(found.id)) or b"")["n"] == 72
    )
    with pytest.raises(WrongUsage, match="is what disagreements on a night are kept under"):
        bench.add(30, name=found.set)


def test_stale_labels_and_variants_are_no_part_of_the_figures(bench: Bench) -> None:
    """Labels under another rule are left out and counted; items that a model wrote are shown apart."""
    bench.add(60)
    paths = EvaluationPaths(bench.settings, NOW.date(), "reviews")
    text = prompts.read("comment_review", "v1").replace("version: v1", "version: v9", 1)
    other = prompts.parse(text.replace("A competitor's link is spam.", ""), "comment_review/v9")
    bench.storage.put(paths.prompt(other.sha256), text.replace("A competitor's link is spam.", "").encode())
    items = read_version(bench.storage, paths)[1]
    spam = items.filter("violation")["item_id"].to_list()
    is_old, is_made = pl.col("item_id").is_in(spam[:5]), pl.col("item_id").is_in(spam[5:8])
    changed = items.with_columns(
        prompt_sha256=pl.when(is_old).then(pl.lit(other.sha256)).otherwise("prompt_sha256"),
        source=pl.when(is_made).then(pl.lit("model")).otherwise("source"),
        stratum=pl.when(is_made).then(pl.lit("sarcasm")).otherwise("stratum"),
    )
    assert write_version(bench.storage, paths, 2, changed)
    bench.run("prompt=v1", OTHER)
    found = compare_candidates(bench.settings, "reviews", "prompt=v1", OTHER, "all", NOW)
    assert (found.n, found.stale, found.variants) == (52, {"spam": 5}, 3)
    assert found.violations == len(spam) - 8
    assert {one.n for one in found.differences if one.slice == "variant=sarcasm"} == {3}
    all_old = changed.with_columns(prompt_sha256=pl.lit(other.sha256))
    assert write_version(bench.storage, paths, 3, all_old)
    with pytest.raises(WrongUsage, match="are stale"):
        compare_candidates(bench.settings, "reviews", "prompt=v1", OTHER, "all", NOW)


def test_bad_row_writes_nothing(bench: Bench) -> None:
    """A category that is none names file and line, and no version is there."""
    file = bench.folder / "bad.csv"
    file.write_text("text,violation,category\nfine,false,none\nbad,true,rudeness\n", encoding="utf-8")
    with pytest.raises(BadRows, match=r"bad\.csv line 3: category is rudeness"):
        add_set(bench.settings, "reviews", [file], NOW)
    with pytest.raises(WrongUsage, match="there is no set reviews"):
        bench.run("prompt=v1")


def test_the_golden_pack_is_asked_of_each_candidate_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It rides beside the set's texts, is not counted among them, and the comparison says what both made of it."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    bench = Bench(tmp_path, monkeypatch, golden_pack="prompt")
    bench.add(120)
    done = bench.run("prompt=v1", OTHER)
    assert [(one.asked_count, one.golden_count, one.unanswered_count) for one in done.candidates] == [(120, 164, 0)] * 2
    assert bench.experiments().height == 2 * (120 + 164)
    asked = [pl.read_parquet(path) for path in (tmp_path / "output/evaluation/requests/reviews").iterdir()]
    (sha256,) = set(pl.concat(asked)["prompt_sha256"])
    assert "# system" in (tmp_path / f"output/evaluation/prompts/{sha256}.md").read_text(encoding="utf-8")
    found = compare_candidates(bench.settings, "reviews", "prompt=v1", OTHER, "all", NOW)
    assert found.golden is not None
    assert (found.golden.n, found.golden.gained, found.golden.lost, found.golden.newly_fooled) == (164, 0, 0, ())
    assert found.champion.prompt_sha256 == sha256
    bench.add(120, name="others")
    again = bench.run("prompt=v1", name="others", run_id="two")
    assert (again.candidates[0].asked_count, again.candidates[0].golden_count) == (0, 0)


def test_what_may_follow_a_model_that_ends(bench: Bench) -> None:
    """Sets and last night's label requests, within one budget, up to the gate; a second call asks nothing."""
    bench.add(240)
    said = {"c1": "a bad thing", "c2": "a good thing", "c3": "bad again", "c4": "fine"}
    put_day(bench.settings, date(2026, 11, 18), dict.fromkeys(said, 1), said)

    def attempt(*candidates: str, budget: float = 5.0) -> Trials:
        return try_successors(bench.settings, candidates, [], "test", budget, "one", lambda: NOW)

    with pytest.raises(OverBudget, match="nothing was asked"):
        attempt(OTHER, budget=0.0001)
    with pytest.raises(WrongUsage, match="is the champion: name what may follow it"):
        attempt("prompt=v1")
    assert bench.experiments().is_empty()
    found = attempt(OTHER)
    (trial,) = found.trials
    assert trial.comparison.set == "reviews"
    assert trial.comparison.challenger.candidate.startswith(f"prompt=comment_review/v1,{OTHER}")
    assert found.night == date(2026, 11, 18)
    assert [(one.differing_count, one.compared_count, one.share) for one in found.differing] == [(2, 4, 0.5)]
    told = describe_trials(found)
    assert any("differs from what was published on 2 of 4, some 50.0% of the night" in line for line in told)
    assert any(line.startswith(("not to be promoted: the outcome is", "python -m flows evaluate")) for line in told)
    height, invoked = bench.experiments().height, bench.bedrock.invoked.total()
    assert attempt(OTHER) == found
    assert (bench.experiments().height, bench.bedrock.invoked.total()) == (height, invoked)
    kept = [path for path in (bench.folder / "output").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"bad again" in path.read_bytes()]

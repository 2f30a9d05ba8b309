"""A challenger becomes the champion by its comparison, and a rollback brings the former one back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import prompts
from data_contracts.documents.evaluation.champion import ChampionRecord
from data_contracts.documents.evaluation.comparison import Comparison, ComparisonOutcome
from data_contracts.documents.rebaselined import Rebaselinings
from tasks import adapters
from tasks.base.errors import NotPromoted, WrongUsage
from tasks.base.paths import EvaluationPaths, champion_file, rebaselined
from tasks.evaluate.comparison import comparison_id
from tasks.evaluate.promotion.promote_candidate import promote_candidate
from tasks.evaluate.promotion.roll_back import roll_back
from tasks.evaluate.promotion.succession import Promoted, Word
from tasks.ledger.champion import read_champion
from tests import factories
from tests.comparisons import comparison, side

NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)
V1 = prompts.load("comment_review", "v1").sha256
MODELS = {
    "haiku": "global.anthropic.claude-haiku-4-5-20251001-v1:0",
    "sonnet": "global.anthropic.claude-sonnet-4-6",
    "opus": "anthropic.claude-opus-4-8",
}


def candidate(model: str) -> str:
    return f"prompt=comment_review/v1,model={MODELS[model]},policy=plain"


class Site:
    """A deployment with a set of two versions, and comparisons on the second."""

    def __init__(self, root: Path) -> None:
        self.settings = factories.settings(root)
        self.storage = factories.local_adapters().storage
        self.paths = EvaluationPaths(self.settings, NOW.date(), "reviews")
        for number in (1, 2):
            self.storage.put(self.paths.version(number), b"not read here")

    def compare(self, champion: str, challenger: str, **overrides: Any) -> Comparison:
        names = candidate(champion), candidate(challenger)
        identity = comparison_id("reviews", 2, "test", *names)
        sides = [side("v1", candidate=name, prompt_sha256=V1) for name in names]
        found = comparison(**({"id": identity, "champion": sides[0], "challenger": sides[1]} | overrides))
        self.storage.put(self.paths.comparison(identity), found.model_dump_json().encode())
        return found

    def promote(self, champion: str, challenger: str, *, despite: str | None = None, hours: int = 0) -> Promoted:
        word, now = Word("kim", "", despite), NOW + timedelta(hours=hours)
        pair = f"model={MODELS[champion]}", f"model={MODELS[challenger]}"
        return promote_candidate(self.settings, "reviews", *pair, "test", word, now)

    @property
    def record(self) -> ChampionRecord:
        found = read_champion(self.storage, self.settings).record
        assert found is not None
        return found

    @property
    def rebaselined(self) -> Rebaselinings:
        return Rebaselinings.model_validate_json(self.storage.get(rebaselined(self.settings)) or b"{}")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(adapters, "connect", lambda _: factories.local_adapters())
    return Site(tmp_path)


def test_a_promotion_and_its_way_back(site: Site) -> None:
    """Who, why, comparison, prompt, model and policy are on record; each rollback goes one champion further back."""
    first, second = site.compare("haiku", "sonnet"), site.compare("sonnet", "opus")
    site.promote("haiku", "sonnet")
    record = site.record
    assert (record.prompt, record.model, record.policy) == ("comment_review/v1", MODELS["sonnet"], "plain")
    assert (record.who, record.comparison, record.number) == ("kim", first.id, 2)
    assert record.why == "better, F1 +2.0 points on 1,000 comments"
    site.promote("sonnet", "opus", hours=1)
    assert (site.record.model, site.record.comparison) == (MODELS["opus"], second.id)
    back = roll_back(site.settings, Word("lee", "opus is slow"), NOW + timedelta(hours=2))
    assert (back.champion.model, back.champion.who, back.champion.is_rollback) == (MODELS["sonnet"], "lee", True)
    roll_back(site.settings, Word("lee"), NOW + timedelta(hours=3))
    assert (site.record.model, site.record.why) == (MODELS["haiku"], "back from champion 4")
    with pytest.raises(NotPromoted, match="has none before it"):
        roll_back(site.settings, Word("lee"), NOW)
    models = [each.model for each in (*site.record.history, site.record)]
    assert models == [MODELS[name] for name in ("haiku", "sonnet", "opus", "sonnet", "haiku")]


def test_charts_begin_anew_with_the_first_night_that_can_have_it(site: Site) -> None:
    """That is last night if it has no plan yet, else tonight; quality is not among the metrics. Repeating adds none."""
    site.compare("haiku", "sonnet")
    done = site.promote("haiku", "sonnet")
    assert (done.is_new, done.first.isoformat()) == (True, "2026-11-18")
    again = site.promote("haiku", "sonnet", hours=30)
    assert (again.is_new, again.first, site.record.number) == (False, done.first, 2)
    (change,) = site.rebaselined.rebaselined
    assert {"violation_rate", "malformed_rate", "cost_usd"} <= set(change.metrics)
    assert "accuracy" not in change.metrics
    begun = f"{site.settings.output_uri}/runs/2026-11-18/run-1/plan.json"
    site.storage.put(begun, b"{}")
    assert roll_back(site.settings, Word("lee"), NOW).first.isoformat() == "2026-11-19"
    assert len(site.rebaselined.rebaselined) == 2


def test_the_gate_says_no_unless_a_person_says_why(site: Site) -> None:
    """All reasons are told; with a reason of a person's it is promoted, and the reason is kept."""
    site.compare("haiku", "sonnet", outcome=ComparisonOutcome.CANNOT_TELL, golden=None)
    with pytest.raises(NotPromoted, match="the outcome is cannot_tell") as refused:
        site.promote("haiku", "sonnet")
    assert len(refused.value.reasons) == 1  # no golden pack in this deployment
    assert site.storage.get(champion_file(site.settings)) is None
    with pytest.raises(WrongUsage, match="despite is empty"):
        site.promote("haiku", "sonnet", despite=" ")
    done = site.promote("haiku", "sonnet", despite="the old model ends\nnext week")
    assert done.overruled == refused.value.reasons
    assert site.record.despite == "the old model ends next week"


def test_no_comparison_of_this_very_pair(site: Site) -> None:
    """The other way round is another pair, an older version of the set another comparison; the command is named."""
    site.compare("sonnet", "haiku")
    with pytest.raises(NotPromoted, match="no comparison of this pair on test of reviews v2: python -m flows evaluate"):
        site.promote("haiku", "sonnet")
    with pytest.raises(WrongUsage, match="there is no set others"):
        promote_candidate(site.settings, "others", "prompt=v1", "model=" + MODELS["opus"], "test", Word("kim"), NOW)


def test_against_another_champion_than_serves(site: Site) -> None:
    """A challenger is held against the champion on record, not against one of last month."""
    site.compare("haiku", "sonnet")
    site.compare("haiku", "opus")
    site.promote("haiku", "sonnet")
    with pytest.raises(NotPromoted, match="the champion on record is"):
        site.promote("haiku", "opus")


def test_two_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes second is told so, and what the first wrote stays."""
    site.compare("haiku", "sonnet")
    site.compare("haiku", "opus")
    stale = read_champion(site.storage, site.settings)
    site.promote("haiku", "sonnet")
    monkeypatch.setattr("tasks.evaluate.promotion.check_gate.read_champion", lambda *_: stale)
    with pytest.raises(NotPromoted, match="somebody else changed the champion meanwhile"):
        site.promote("haiku", "opus")
    assert site.record.model == MODELS["sonnet"]

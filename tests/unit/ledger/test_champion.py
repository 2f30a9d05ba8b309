"""Who judges where the settings say `champion`: settled by ingest, kept by a day that has a plan."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import prompts
from data_contracts.documents.evaluation.champion import ChampionRecord
from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.base.errors import ChampionUnusable
from tasks.base.paths import champion_file
from tasks.intake.ingest import ingest
from tasks.ledger.champion import serving
from tests import factories

V1 = prompts.load("comment_review", "v1").sha256
HAIKU, SONNET = "global.anthropic.claude-haiku-4-5-20251001-v1:0", "global.anthropic.claude-sonnet-4-6"


class Site:
    """A deployment whose settings leave prompt and model to the champion, with a day of comments."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.storage = factories.local_adapters().storage
        self.settings = factories.settings(root, prompt_version="champion", model_id="champion", policy="champion")
        for day in (factories.RUN_DATE, factories.RUN_DATE + timedelta(days=1)):
            folder = root / "comments" / f"date={day}"
            folder.mkdir(parents=True)
            factories.comments({}).write_parquet(folder / "a.parquet")

    def crown(self, number: int, model: str, **overrides: Any) -> None:
        """Put a champion on record."""
        fields: dict[str, Any] = {"prompt": "comment_review/v1", "prompt_sha256": V1, "policy": "plain"}
        fields |= {"comparison": "0123456789abcdef", "who": "kim", "why": "better", "before": None}
        record = ChampionRecord(number=number, model=model, since=factories.NOW, **(fields | overrides))
        self.storage.put(champion_file(self.settings), record.model_dump_json().encode())

    def plan(self, run_id: str = "run-1", *, days_later: int = 0, hours: int = 0, **overrides: Any) -> Plan:
        settings = self.settings.model_copy(update=overrides)
        day, now = factories.RUN_DATE + timedelta(days=days_later), factories.NOW + timedelta(hours=hours)
        return ingest.fn(settings, day, run_id, now)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(adapters, "connect", lambda _: factories.local_adapters())
    return Site(tmp_path)


def test_the_plan_has_the_champion(site: Site) -> None:
    """Prompt and model are the champion's, the plan says which, and is the plan of settings that name them."""
    site.crown(2, SONNET)
    plan = site.plan()
    assert (plan.model_id, plan.prompt_version, plan.settings["model_id"]) == (SONNET, "v1", "champion")
    assert plan.policy is not None
    assert plan.policy.name == "plain"
    assert plan.champion is not None
    assert (plan.champion.number, plan.champion.comparison) == (2, "0123456789abcdef")
    named = site.plan("run-2", days_later=1, prompt_version="v1", model_id=SONNET, policy="plain")
    same_day = plan.model_copy(update={"run_date": named.run_date, "inputs": named.inputs})
    assert (named.champion, named.sha256) == (None, same_day.sha256)
    assert '"champion":' not in named.model_dump_json(exclude={"settings"})
    assert serving(site.settings).model_id == SONNET


def test_a_day_with_a_plan_keeps_its_champion(site: Site) -> None:
    """Another champion judges the next day, and not a day that was begun; a run that names its judge has that one."""
    site.crown(2, SONNET)
    site.plan("run-1")
    site.crown(3, HAIKU)
    again = site.plan("run-2", hours=1)
    assert (again.model_id, again.champion and again.champion.number) == (SONNET, 2)
    assert site.plan("run-1", days_later=1).model_id == HAIKU
    by_name = site.plan("run-3", hours=2, model_id=HAIKU, prompt_version="v1", policy="plain")
    assert (by_name.model_id, by_name.champion) == (HAIKU, None)


def test_half_a_champion(site: Site) -> None:
    """A setting that names its part keeps it."""
    site.crown(2, SONNET)
    plan = site.plan(prompt_version="v1", model_id="champion")
    assert (plan.model_id, plan.prompt_version) == (SONNET, "v1")
    assert site.plan("run-1", days_later=1, model_id=HAIKU).model_id == HAIKU


@pytest.mark.parametrize(
    ("champion", "told"),
    [
        pytest.param(None, "there is no champion yet", id="none"),
        pytest.param({"prompt": "comment_review/v99"}, "the deployed catalog lacks comment_review/v99", id="no prompt"),
        pytest.param({"prompt_sha256": "0" * 64}, "another text under comment_review/v1", id="another text"),
        pytest.param({"prompt": "other/v1"}, "MODERATION_PROMPT is comment_review", id="another name"),
        pytest.param({"model": "acme.unheard-of"}, "cannot judge here", id="no family"),
        pytest.param({"policy": "unheard_of"}, "cannot judge here: MODERATION_POLICY", id="no policy"),
    ],
)
def test_a_champion_that_cannot_judge_stops_the_night(site: Site, champion: dict[str, Any] | None, told: str) -> None:
    """Nothing is guessed in its place: the reason names what is lacking, and no plan is made."""
    if champion is not None:
        site.crown(2, **({"model": SONNET} | champion))
    with pytest.raises(ChampionUnusable, match=told):
        site.plan()
    assert not list((site.root / "output").rglob("plan.json"))

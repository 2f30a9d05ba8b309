"""The form that tries a challenger: plan, approval, run, comparison, promotion; and the way back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import StateType

from flows import approval
from flows.endings import Refusal
from flows.evaluation.evaluate import evaluate
from flows.evaluation.pages import comparison_page, plan_page
from tasks import adapters
from tasks.base.errors import OverBudget
from tasks.base.settings import Settings
from tasks.evaluate.promotion.gate import Objections
from tasks.evaluate.runs.plan_candidates import PlannedCandidate
from tasks.evaluate.sets.add_set import add_set
from tasks.ledger.champion import read_champion
from tests.comparisons import comparison, side
from tests.prefect_person import Person
from tests.prefect_site import Site

SAMPLES = Path(__file__).parents[2] / "sandbox" / "samples" / "evaluation.jsonl"
OTHER = "model=global.anthropic.claude-sonnet-4-6"
HAIKU = "global.anthropic.claude-haiku-4-5-20251001-v1:0"


def page(key: str) -> str:
    """The latest Markdown artifact of this name."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return str(max(found, key=lambda artifact: str(artifact.created)).data)


def test_a_challenger_by_clicks(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan and comparison are on the run's page, each asked about; the gate's no needs a reason; one form goes back."""
    monkeypatch.setattr(approval, "POLL_S", 0.1)
    monkeypatch.setenv("MODERATION_APPROVAL_WAIT_H", "0.05")
    settings = Settings.load()
    file = tmp_path / "set.jsonl"
    file.write_text("".join(SAMPLES.read_text(encoding="utf-8").splitlines(keepends=True)[:150]), encoding="utf-8")
    add_set(settings, "reviews", [file], datetime.now(UTC))
    form: dict[str, Any] = {"set_name": "reviews", "challenger": OTHER, "split": "all"}

    with Person({"go": False}).present():
        state: Any = evaluate(**form, return_state=True)
    assert (state.type, state.name) == (StateType.COMPLETED, "Refused")
    assert site.created_jobs() == 0
    with pytest.raises(OverBudget, match="nothing was asked"):
        evaluate(**form, approve=True, max_cost_usd=0.0001)

    go = {"go": True, "budget_usd": 5.0, "who": "Aiko"}
    person = Person(go, {"promote": True, "who": "Aiko"}, {"promote": False, "who": "Aiko"})
    with person.present():
        told: Any = evaluate(**form)
    assert site.created_jobs() == 2
    plan, gate, again = person.asked
    assert plan.count("| 150 |") == 2
    assert "The gate says no" in gate
    assert "Say why the gate" in again
    assert told.startswith(("worse: ", "cannot_tell: "))
    assert "## Promotion" in page("evaluate-reviews")
    storage = adapters.connect(settings).storage
    assert read_champion(storage, settings).record is None

    yes = {"promote": True, "who": "Aiko", "despite": "the model ends *soon*"}
    with Person(yes).present():
        promoted: Any = evaluate(**form)  # all is on record: nothing is asked, the first question does not come
    assert site.created_jobs() == 2
    assert "is the champion: number 2, by Aiko" in promoted
    record = read_champion(storage, settings).record
    assert record is not None
    assert (record.model, record.despite) == ("global.anthropic.claude-sonnet-4-6", "the model ends *soon*")

    assert isinstance(evaluate(action="rollback"), Refusal)
    back: Any = evaluate(action="rollback", who="Kim", reason="too dear <b>")
    assert f"model={HAIKU}" in back
    assert "number 3, by Kim" in back
    assert "<b>" not in MarkdownIt().render(page("champion")).replace("&lt;b&gt;", "")


@pytest.mark.parametrize(
    ("form", "told"),
    [
        pytest.param({"set_name": "reviews"}, "challenger is empty", id="no challenger"),
        pytest.param({"set_name": "Bad Name", "challenger": OTHER}, "a set's name is", id="no name"),
        pytest.param({"set_name": "reviews", "challenger": OTHER}, "there is no set reviews", id="no set"),
        pytest.param({"set_name": "reviews", "challenger": "prompt=v99"}, "there is no prompt", id="no prompt"),
    ],
)
def test_a_wrong_form_is_refused(form: dict[str, Any], told: str, site: Site) -> None:
    """Nothing has failed, and nothing was done: the run's state says what to change."""
    refused = evaluate(**form)
    assert isinstance(refused, Refusal)
    assert told in str(refused)


def test_pages_show_words_from_outside_letter_by_letter() -> None:
    """A candidate's name, a reason or a set's name becomes no link, tag or heading."""
    evil = "<img src=x>[a](http://evil.test)|`x`"
    found = comparison(challenger=side("v2", candidate=evil), reasons=(evil,), set=evil)
    pages = (
        comparison_page(found, Objections((), (evil,))),
        plan_page(evil, "test", [PlannedCandidate(evil, 1, None)]),
    )
    for text in pages:
        shown = MarkdownIt("commonmark").enable("table").render(text)
        assert "<img" not in shown
        assert "href" not in shown
    assert "no known price" in pages[1]

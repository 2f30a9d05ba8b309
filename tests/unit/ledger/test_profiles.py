"""An application inference profile in the place of a model: what it is priced and asked as."""

from __future__ import annotations

from typing import Any

import pytest

from data_contracts.batch_lines import InvocationType
from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import Plan, PlannedPolicy
from tasks.base.errors import UnsupportedModel
from tasks.base.ports import FactUnavailable, Lifecycle
from tasks.base.settings import Settings
from tasks.jobs.adoption import is_same_model
from tasks.ledger.asker import Asker, find_profiled, planned_askers
from tasks.ledger.entries import serves
from tasks.ledger.prices import booked_price, find_price
from tests import factories

HAIKU = "jp.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "amazon.nova-lite-v1:0"
_ARN = "arn:aws:bedrock:ap-northeast-1:123456789012:application-inference-profile"
NIGHTLY, LIGHT, UNKNOWN = f"{_ARN}/nightly", f"{_ARN}/light", f"{_ARN}/unknown"


class Told:
    """A Bedrock that knows two profiles."""

    asked: list[str]

    def __init__(self) -> None:
        self.asked = []

    def profiled_model(self, profile_arn: str) -> str:
        self.asked.append(profile_arn)
        models = {NIGHTLY: HAIKU, LIGHT: NOVA}
        if profile_arn not in models:
            raise FactUnavailable("get inference profile: AccessDeniedException: no")
        return models[profile_arn]

    def lifecycle(self, model_id: str) -> Lifecycle:
        raise AssertionError(model_id)

    def count_tokens(self, model_id: str, invocation_type: InvocationType, body: dict[str, Any]) -> int:
        raise AssertionError(model_id)


def settings(**changes: Any) -> Settings:
    return factories.settings(**({"model_id": NIGHTLY, "light_model_id": LIGHT, "policy": "light_first"} | changes))


def test_a_profile_is_asked_by_its_arn_and_priced_as_its_model() -> None:
    """Family, form of the request and prices are the model's; Bedrock is given the ARN, or the bill tells nothing."""
    asker = Asker.named(settings(), Told())
    plain = Asker.named(settings(model_id=HAIKU), Told())
    assert asker.model_id == NIGHTLY
    assert (asker.family, asker.prices) == (plain.family, plain.prices)
    assert asker.prices["batch"] is not None
    assert asker.profiled_model_id == HAIKU
    assert plain.profiled_model_id is None


def test_each_step_has_a_profile_of_its_own() -> None:
    told = Told()
    askers = planned_askers(settings(), told)
    assert [(asker.step, asker.model_id, asker.profiled_model_id) for asker in askers] == [
        ("light", LIGHT, NOVA),
        ("model", NIGHTLY, HAIKU),
    ]


def test_only_a_profile_is_asked_about() -> None:
    told = Told()
    planned_askers(settings(model_id=HAIKU, light_model_id=NOVA), told)
    assert told.asked == []


@pytest.mark.parametrize("invocation_type", ["auto", "InvokeModel", "Converse"])
@pytest.mark.parametrize("role", ["model_id", "light_model_id"])
def test_a_profile_that_nobody_knows_stops_the_night(invocation_type: str, role: str) -> None:
    """Nothing is asked at a price that nobody knows; the line says what to do."""
    wrong = settings(invocation_type=invocation_type, **{role: UNKNOWN})
    with pytest.raises(UnsupportedModel, match="allow bedrock:GetInferenceProfile on it, or name the model") as stop:
        planned_askers(wrong, Told())
    assert UNKNOWN in str(stop.value)
    assert "AccessDeniedException" in str(stop.value)
    assert find_profiled(Told(), HAIKU) is None


def test_without_a_profile_plan_and_ledger_are_what_they_were() -> None:
    """The field is left out, and a profile of the same model is another plan."""
    for document in (factories.plan(), factories.planned_asker(), factories.ledger_entry()):
        assert "profiled_model_id" not in document.model_dump(mode="json")
    profiled = factories.plan(model_id=NIGHTLY, profiled_model_id=HAIKU)
    assert len({profiled.sha256, factories.plan(model_id=HAIKU).sha256, factories.plan(model_id=NIGHTLY).sha256}) == 3
    assert Plan.model_validate_json(profiled.model_dump_json()) == profiled


def test_a_step_without_a_profile_does_not_take_that_of_the_model() -> None:
    light = factories.planned_asker(step="light", model_id=NOVA)
    plan = factories.plan(
        model_id=NIGHTLY,
        profiled_model_id=HAIKU,
        policy=PlannedPolicy(name="mine", sha256="c" * 64, is_plain=False),
        askers=(light, factories.planned_asker(model_id=NIGHTLY, profiled_model_id=HAIKU)),
    )
    assert plan.asked_by("light").priced_model_id == NOVA
    assert plan.asked_by("model").priced_model_id == HAIKU


def test_the_books_go_by_the_model_behind_the_profile() -> None:
    """Of an entry whose price an earlier version did not keep, too; and an entry of the model serves no profile."""
    entry = factories.ledger_entry(model_id=NIGHTLY, profiled_model_id=HAIKU)
    assert LedgerEntry.model_validate_json(entry.model_dump_json()) == entry
    assert booked_price(entry, settings()) == find_price(HAIKU, "batch")
    asker = Asker.booked(settings(), entry)
    assert asker.prices["batch"] == find_price(HAIKU, "batch")
    assert (asker.model_id, asker.profiled_model_id) == (NIGHTLY, HAIKU)
    plan = factories.plan(model_id=NIGHTLY, profiled_model_id=HAIKU)
    assert serves(entry, plan)
    assert not serves(factories.ledger_entry(model_id=HAIKU), plan)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        pytest.param(NIGHTLY, True, id="as-given"),
        pytest.param(HAIKU, True, id="its-model"),
        pytest.param(f"arn:aws:bedrock:ap-northeast-1::foundation-model/{HAIKU[3:]}", True, id="its-models-arn"),
        pytest.param(NOVA, False, id="another-model"),
        pytest.param(LIGHT, False, id="another-profile"),
    ],
)
def test_a_job_of_a_profile_is_held_against_it(shown: str, expected: bool) -> None:
    """Now that the model is known, a job of another one is not taken for our own."""
    assert is_same_model(shown, NIGHTLY, HAIKU) is expected

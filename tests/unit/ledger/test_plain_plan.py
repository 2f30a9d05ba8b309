"""A plain policy leaves what nights were before: the hash of a plan, the bytes of an entry, which answers serve."""

from __future__ import annotations

import pytest

from data_contracts.documents.plan import PlannedPolicy
from tasks.ledger.entries import serves
from tests import factories

PLAIN = PlannedPolicy(name="plain", sha256="d" * 64, is_plain=True)
#: Of the factories' plan, as the version before policies made it.
HASH_BEFORE = "7601250f7bd177358678f59c629d13c9be83f49473a457fbfeb94d752ff4a09e"


def test_a_plain_plan_has_the_hash_of_before() -> None:
    assert factories.plan().sha256 == HASH_BEFORE
    assert factories.plan(policy=PLAIN, askers=(factories.planned_asker(),)).sha256 == HASH_BEFORE


def test_another_policy_is_another_plan() -> None:
    """What its rules say counts as well."""
    policies = [
        PlannedPolicy(name="cached", sha256="c" * 64, is_plain=False),
        PlannedPolicy(name="cached", sha256="c" * 64, is_plain=False, rules_sha256="e" * 64),
    ]
    assert len({HASH_BEFORE, *(factories.plan(policy=policy).sha256 for policy in policies)}) == 3


def test_an_entry_of_a_plain_night_says_nothing_of_steps() -> None:
    assert not {"step", "policy_sha256"} & set(factories.ledger_entry().model_dump(mode="json"))


@pytest.mark.parametrize(
    ("entry", "by_step"),
    [
        pytest.param({}, {"light": False, "model": True}, id="of-a-plain-night"),
        pytest.param({"step": "model", "policy_sha256": "x"}, {"light": False, "model": True}, id="of-another-policy"),
        pytest.param({"step": "light", "model_id": "light"}, {"light": True, "model": False}, id="light"),
        pytest.param({"step": "light", "model_id": "lighter"}, {"light": False, "model": False}, id="another-light"),
    ],
)
def test_an_answer_serves_the_step_that_asked(entry: dict[str, str], by_step: dict[str, bool]) -> None:
    """Whatever the policy was: what was paid is not paid again."""
    plan = factories.plan(
        policy=PlannedPolicy(name="mine", sha256="c" * 64, is_plain=False),
        askers=(factories.planned_asker(step="light", model_id="light"), factories.planned_asker()),
    )
    asked = factories.ledger_entry(**entry)
    assert {step: serves(asked, plan.asked_by(step)) for step in by_step} == by_step
    assert serves(asked, plan) == any(by_step.values())

"""Policies and rules as people write them: what is taken, and how a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompts import PromptFileError
from prompts.freeze import check_frozen, freeze, frozen_policies
from prompts.policies import PolicyFile, parse_policy, policies, read_policy
from prompts.rules import read_rules
from tasks.adapters.bedrock_models import NoModelFacts
from tasks.base.errors import SettingsInvalid
from tasks.ledger.asker import planned_askers
from tasks.llm.policy import find_rules, load_policy, planned_policy
from tasks.llm.prompt import load_prompt
from tests import factories

PLAIN_STEPS = '[[step]]\nname = "duplicate"\n[[step]]\nname = "model"\n'


def policy(text: str) -> PolicyFile:
    return parse_policy(text, "mine", "mine.toml")


def test_the_shipped_policies_are_as_frozen() -> None:
    """Every shipped policy is in the hash file, and is what it says there."""
    assert check_frozen() == {}
    shipped = {name for prompt, name in policies() if prompt == "comment_review"}
    assert shipped == set(frozen_policies("comment_review"))
    assert {"plain", "cached", "packed", "light_first", "tenth"} <= shipped
    assert [name for name in sorted(shipped) if read_policy(name, "comment_review").is_plain] == ["plain"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[step]]\nname = "light"\n[[step]]\nname = "model"\n', "step 'light' has no audit"),
        ('[[step]]\nname = "cache"\n[[step]]\nname = "model"\n', "step 'cache' has no audit"),
        ('[[step]]\nname = "model"\npack = 10\npack_prompt = "v1"\n', "step 'model' has no audit"),
        ('[[step]]\nname = "model"\naudit = 0.1\n', "takes no audit"),
        ('[[step]]\nname = "light"\naudit = 0.02\n', "the last step must be 'model'"),
        (
            '[[step]]\nname = "light"\naudit = 0.02\n[[step]]\nname = "rules"\naudit = 0.1\n[[step]]\nname = "model"\n',
            "in this order: duplicate, cache, rules, classifier, light, model",
        ),
        ('[[step]]\nname = "model"\n[[step]]\nname = "model"\n', "each step stands once"),
        ('[[step]]\nname = "light"\naudit = 0\n[[step]]\nname = "model"\n', "step.0.audit"),
        ('[[step]]\nname = "oracle"\n[[step]]\nname = "model"\n', "step.0.name"),
        ('[[step]]\nname = "model"\npack = 21\npack_prompt = "v1"\naudit = 0.1\n', "step.0.pack"),
        ("step = 3\n", "step"),
        ("[[step]\n", "mine.toml"),
    ],
)
def test_a_policy_that_is_none_says_why(text: str, told: str) -> None:
    with pytest.raises(PromptFileError, match=r"mine\.toml") as error:
        policy(text)
    assert told in str(error.value)


def test_notes_are_free_and_steps_are_not() -> None:
    """The hash is of what decides."""
    assert policy(PLAIN_STEPS).sha256 == policy('notes = "why"\n' + PLAIN_STEPS).sha256
    assert policy(PLAIN_STEPS).sha256 != policy('[[step]]\nname = "model"\n').sha256


def test_an_unknown_policy_names_those_that_are_there() -> None:
    with pytest.raises(
        SettingsInvalid, match=r"MODERATION_POLICY: .*no policy 'cheap'.*light_first, packed, plain, tenth"
    ):
        load_policy("cheap", load_prompt("comment_review", "v1"))


def test_a_prompt_without_policies_has_the_plain_one(tmp_path: Path) -> None:
    assert read_policy("plain", "another", tmp_path).is_plain


def test_a_frozen_policy_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "review" / "policies"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(PLAIN_STEPS)
    assert set(freeze(tmp_path)) == {"review/policies/mine"}
    (folder / "mine.toml").write_text('[[step]]\nname = "model"\n')
    with pytest.raises(PromptFileError, match="review/policies/mine is frozen with"):
        check_frozen(tmp_path)


def test_a_light_policy_plans_two_askers() -> None:
    settings = factories.settings(policy="light_first")
    assert [(asker.step, asker.model_id) for asker in planned_askers(settings, NoModelFacts())] == [
        ("light", "amazon.nova-lite-v1:0"),
        ("model", settings.model_id),
    ]
    planned = planned_policy(settings, load_prompt("comment_review", "v1"))
    assert (planned.name, planned.is_plain, planned.rules_sha256) == ("light_first", False, None)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('action = "decide"\ncategory = "spam"\nwords = ["x"]', r"rule 1 \(mine\): only a closed list of texts may"),
        ('action = "decide"\ncategory = "none"\npattern = "x"', "only a closed list of texts may decide"),
        ('action = "flag"\nwords = ["x"]', "decide and flag need a category"),
        ('action = "route"\ncategory = "spam"\nwords = ["x"]', "route takes none"),
        ('action = "flag"\ncategory = "none"\nwords = ["x"]', "suspects nothing"),
        ('action = "flag"\ncategory = "spam"\nwords = [" "]', "an empty text or word"),
        ('action = "flag"\ncategory = "spam"', "exactly one of texts, words and pattern"),
        ('action = "flag"\ncategory = "rude"\nwords = ["x"]', "rule mine: the prompt has no category 'rude'"),
    ],
)
def test_a_rule_that_is_none_says_why(rule: str, told: str, tmp_path: Path) -> None:
    """The rule is named, and its words are not repeated."""
    path = tmp_path / "rules.toml"
    path.write_text(f'[[rule]]\nname = "mine"\n{rule}\n')
    with pytest.raises(PromptFileError, match=told):
        read_rules(path, ("spam", "none"))


def test_a_pattern_that_is_none_is_told_before_the_night(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("[[rule]]\nname = 'open'\naction = 'route'\npattern = '(x'\n")
    with pytest.raises(SettingsInvalid, match="MODERATION_RULES: rule open: its pattern"):
        find_rules(factories.settings(rules=path), load_prompt("comment_review", "v1"))

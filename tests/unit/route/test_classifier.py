"""The classifier as a step: how a text is read, what it clears, when it is not asked, how versions are kept."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.documents.evaluation.classifier import ClassifierVersion
from data_contracts.documents.plan import PlannedPolicy
from prompts.policies import parse_policy
from prompts.rules import read_rules, rules_of
from tasks.adapters.storage import Storage
from tasks.base.paths import RunPaths, classifier_arrays, classifier_version
from tasks.base.settings import Settings
from tasks.ledger.run import Run
from tasks.route import decisions
from tasks.route.classifier.features import BUCKET_BITS, scores
from tasks.route.classifier.fitness import MAX_AGE, pick_classifier, why_not
from tasks.route.classifier.model import Arrays, BrokenArrays
from tasks.route.classifier.stored import KEPT_VERSIONS, Classifier, load_arrays, newest_version, store
from tasks.route.decisions import ROUTED
from tasks.route.route_comments import route
from tests import factories
from tests.factories import NOW

SALT = b"a salt of sixteen bytes"
RULES = read_rules(rules_of("comment_review") or Path("none"))
PLAN = factories.plan(policy=PlannedPolicy(name="mine", sha256="c" * 64, is_plain=False))
WEIGHTS = np.random.default_rng(1).normal(size=1 << BUCKET_BITS).astype(np.float32)


def arrays(**overrides: Any) -> Arrays:
    """Arrays of random weights whose staircase gives half of all texts no chance of a violation."""
    given = {"weights": WEIGHTS, "steps": np.array([0.0, 0.001]), "heights": np.array([0.0, 0.4])}
    return Arrays(**(given | overrides))


def version(**overrides: Any) -> ClassifierVersion:
    return factories.classifier_version(**({"arrays_sha256": arrays().sha256} | overrides))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_a_text_is_read_by_itself(texts: list[str]) -> None:
    """Its score does not depend on its neighbours."""
    together = scores(pl.Series(texts, dtype=pl.String), WEIGHTS)
    alone = [float(scores(pl.Series([text], dtype=pl.String), WEIGHTS)[0]) for text in texts]
    assert together.tolist() == pytest.approx(alone)


def test_width_case_and_digits_make_no_difference() -> None:
    texts = pl.Series(["ＡＢＣ 123", "abc 789", "abd 123"])
    first, second, third = arrays(steps=np.array([-9.0, 9.0]), heights=np.array([0.0, 1.0])).chances(texts)
    assert first == second != third


def test_it_clears_what_is_open_and_below_its_threshold() -> None:
    """It never flags; what a list decides or a rule sends on is none of its business."""
    words = ("apple", "red", "quick", "届いた", "zip", "箱", "mug", "vow", "jolly", "lamp", "bib", "x-ray", "怪", "tut")
    comments = factories.valid(*({"text": text} for text in [*words, "満足です", "see http://a.test"]))
    classifier = Classifier(version(), arrays())
    frame = route(comments, None, RULES, SALT, PLAN, NOW, classifier).with_columns(comments["text"])
    assert frame.drop("text").columns == list(ROUTED.names)
    by_step = {step: rows for (step,), rows in frame.partition_by("step", as_dict=True).items()}
    assert by_step["rule"]["text"].to_list() == ["満足です"]
    chances = dict(zip(comments["text"], arrays().chances(comments["text"]), strict=True))
    sent_on = frame.filter("sent_on")
    assert (sent_on["text"].to_list(), sent_on["step"].to_list()) == (["see http://a.test"], [None])
    cleared = by_step["classifier"]
    assert {text for text, chance in chances.items() if chance <= 0.0} - {"満足です", "see http://a.test"} == set(
        cleared["text"]
    )
    assert cleared.select("violation", "category", "confidence", "explanation", "decided_at").unique().rows() == [
        (False, "none", 1.0, "", NOW)
    ]
    assert by_step[None].height > 1


def test_what_it_clears_is_drawn_for_its_audit() -> None:
    steps = '[[step]]\nname = "classifier"\naudit = 0.3\n[[step]]\nname = "model"\n'
    frame = route(factories.valid({}, {}), None, None, SALT, PLAN, NOW, Classifier(version(clear_to=1.0), arrays()))
    numbered = frame.with_columns(draw=pl.Series([0.29, 0.31]))
    nobody = pl.LazyFrame(schema={"record_id": pl.String, "text_sha256": pl.String})
    light = nobody.with_columns(
        status=pl.lit(None, pl.String),
        **{name: pl.lit(None, ROUTED.polars_schema[name]) for name in decisions._OUTCOME},
    )
    decided = decisions.decide(numbered.lazy(), light, nobody, parse_policy(steps, "mine", "mine.toml")).collect()
    assert decided.select("step", "rate", "is_drawn").rows() == [("classifier", 0.3, True), ("classifier", 0.3, False)]


@pytest.mark.parametrize(
    ("given", "drifting", "told"),
    [
        (None, [], "there is no classifier yet"),
        ({"reading": "words-0"}, [], "another version of this program"),
        ({"prompt_sha256": "b" * 64}, [], "another guideline"),
        ({"trained_at": NOW - MAX_AGE - timedelta(seconds=1)}, [], "older than 35 days"),
        ({"rare": ("privacy", "violence"), "seen": {"violence": 49}}, [], "0 of privacy, 49 of violence: under 50"),
        ({"clear_to": None}, [], "its labels prove no threshold"),
        ({}, ["text_shift", "accuracy"], "comments have changed: accuracy, text_shift"),
        ({}, [], None),
    ],
)
def test_the_model_is_asked_for_all_where_the_classifier_may_not_clear(
    given: dict[str, Any] | None, drifting: list[str], told: str | None
) -> None:
    newest = None if given is None else version(**given)
    reason = why_not(newest, PLAN.prompt_sha256, NOW - MAX_AGE, drifting)
    assert reason is None if told is None else reason is not None and told in reason


def site(tmp_path: Path) -> tuple[Storage, Settings]:
    return factories.local_adapters().storage, factories.settings(tmp_path)


def test_versions_count_up_and_the_oldest_go(tmp_path: Path) -> None:
    """Nothing is overwritten; arrays that a kept version shares stay."""
    storage, where = site(tmp_path)
    assert newest_version(storage, where) is None
    others = arrays(steps=np.array([0.5]), heights=np.array([0.1]))
    store(storage, where, others, version(arrays_sha256=others.sha256))
    for _ in range(KEPT_VERSIONS):
        last = store(storage, where, arrays(), version())
    assert last.version == KEPT_VERSIONS + 1
    assert newest_version(storage, where) == last
    assert storage.get(classifier_version(where, 1)) is None
    assert storage.get(classifier_arrays(where, others.sha256)) is None
    assert load_arrays(storage, where, last).sha256 == last.arrays_sha256


def test_a_number_that_another_trainer_took_is_left_to_him(tmp_path: Path) -> None:
    storage, where = site(tmp_path)

    class Racing:
        """The first listing shows nothing, as if the other had not written yet."""

        def __init__(self) -> None:
            self.lists = 0

        def list(self, folder: str, after: str = "") -> list[Any]:
            self.lists += 1
            return [] if self.lists == 1 else list(storage.list(folder, after))

        def __getattr__(self, name: str) -> Any:
            return getattr(storage, name)

    first = store(storage, where, arrays(), version(label_count=1))
    second = store(Racing(), where, arrays(), version(label_count=2))  # type: ignore[arg-type]
    assert (first.version, second.version) == (1, 2)
    assert (storage.get(classifier_version(where, 1)) or b"").count(b'"label_count": 1') == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\x03\x04 torn",
        pickle.dumps({"weights": WEIGHTS[:4]}),
        arrays(weights=WEIGHTS[:4]).to_bytes(),
        arrays(heights=np.array([0.0, np.nan])).to_bytes(),
        arrays(weights=np.array([object()], dtype=object)).to_bytes(),
    ],
    ids=["empty", "torn", "pickle", "short", "not a number", "objects"],
)
def test_bytes_that_are_no_arrays_are_refused(body: bytes) -> None:
    """A pickle is never opened."""
    with pytest.raises(BrokenArrays):
        Arrays.from_bytes(body)


def test_a_night_without_sound_arrays_asks_the_model(tmp_path: Path) -> None:
    """Nothing there, one there, and its arrays changed behind its back: the hash says so."""
    outside, where = factories.local_adapters(), factories.settings(tmp_path)
    run = Run(where, PLAN, outside, RunPaths(where, PLAN.run_date, PLAN.run_id))
    assert pick_classifier(run).words() == "not asked, the model judges its share: there is no classifier yet"
    kept = store(outside.storage, where, arrays(), version())
    picked = pick_classifier(run)
    assert picked.classifier is not None
    assert picked.words() == "v1 clears up to 0"
    outside.storage.put(classifier_arrays(where, kept.arrays_sha256), arrays(heights=np.array([0.0, 0.1])).to_bytes())
    assert "its hash is another" in pick_classifier(run).words()

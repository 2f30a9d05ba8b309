"""The stand-in model reads the comment as a model would, errs as honestly as it can, is the same every time."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sandbox import stand_in_model as module
from sandbox.days import EVALUATION_SAMPLES
from sandbox.stand_in_model import EXPLANATIONS, Judgement, StandInModel, answer, read_comment


@pytest.fixture(scope="module")
def model() -> StandInModel:
    return StandInModel.load()


@pytest.fixture(scope="module")
def evaluation() -> list[dict[str, Any]]:
    return [json.loads(line) for line in EVALUATION_SAMPLES.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def judgements(model: StandInModel, evaluation: list[dict[str, Any]]) -> list[Judgement]:
    return model.judge([row["text"] for row in evaluation])


@pytest.mark.parametrize(
    ("languages", "floor"),
    [
        pytest.param(("ja", "en", "es", "zh", "ko"), 0.86, id="all"),
        pytest.param(("ja",), 0.88, id="ja"),
        pytest.param(("en",), 0.8, id="en"),
    ],
)
def test_accuracy_on_samples_it_never_saw(
    evaluation: list[dict[str, Any]], judgements: list[Judgement], languages: tuple[str, ...], floor: float
) -> None:
    """On the evaluation samples the verdict is right at least this often."""
    pairs = [
        (judgement.violation, row["violation"])
        for judgement, row in zip(judgements, evaluation, strict=True)
        if row["language"] in languages
    ]
    assert sum(said == true for said, true in pairs) / len(pairs) >= floor


def test_it_errs(evaluation: list[dict[str, Any]], judgements: list[Judgement]) -> None:
    """It misses some violations and flags some clean comments, as a model that never saw the answers does."""
    pairs = {(judgement.violation, row["violation"]) for judgement, row in zip(judgements, evaluation, strict=True)}
    assert pairs == {(True, True), (True, False), (False, True), (False, False)}


def test_judgements_are_consistent(judgements: list[Judgement]) -> None:
    """A violation has a category and a fixed sentence, a clean comment neither; confidence is the verdict's own."""
    for judgement in judgements:
        assert judgement.explanation == EXPLANATIONS.get(judgement.category, "")
        assert judgement.violation is (judgement.category != "none")
        assert 0.5 <= judgement.confidence <= 1
        assert judgement.confidence == round(judgement.confidence, 3)


def test_explanations_are_short() -> None:
    """An explanation has at most 120 characters."""
    assert max(map(len, EXPLANATIONS.values())) <= 120


def test_order_and_company_do_not_matter(
    model: StandInModel, evaluation: list[dict[str, Any]], judgements: list[Judgement]
) -> None:
    """A text is judged the same alone and among others, by this model and by one trained anew."""
    texts = [row["text"] for row in evaluation]
    assert [model.judge([text])[0] for text in texts[:20]] == judgements[:20]
    assert StandInModel.load().judge(texts[::-1]) == judgements[::-1]


def test_form_does_not_matter(model: StandInModel) -> None:
    """Full-width letters and capitals are judged as plain ones."""
    plain, wide = model.judge(["cheap watches, line id: abc", "ＣＨＥＡＰ ｗａｔｃｈｅｓ， ＬＩＮＥ ＩＤ： ａｂｃ"])
    assert plain == wide


@pytest.mark.parametrize("text", ["", " \n", "👍", "\u0000\ud800", "a" * 200_000, "1-" * 50_000])
def test_any_text_is_judged(model: StandInModel, text: str) -> None:
    """Empty, broken and endless texts are judged like any other."""
    assert len(model.judge([text])) == 1


def test_nothing_to_judge(model: StandInModel) -> None:
    """No texts, no judgements."""
    assert model.judge([]) == []


@pytest.fixture
def trainings(model: StandInModel, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The samples of each training from here on; the model itself is the one that this module has trained."""
    trained: list[bytes] = []

    def train(samples: bytes) -> Any:
        trained.append(samples)
        return model._model

    monkeypatch.setattr(module, "_train", train)
    return trained


def test_cache_is_used(tmp_path: Path, trainings: list[bytes]) -> None:
    """A second load reads what the first one trained and leaves no partial file."""
    first = StandInModel.load(tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    assert entry.suffix == ".joblib"
    texts = ["届きました。", "Refund me or I will burn it down."]
    assert StandInModel.load(tmp_path / "cache").judge(texts) == first.judge(texts)
    assert len(trainings) == 1


@pytest.mark.parametrize("damage", [b"", b"not a pickle", b"half"])
def test_broken_cache_is_trained_anew(tmp_path: Path, trainings: list[bytes], damage: bytes) -> None:
    """An entry that cannot be read, or is cut short, is replaced by a good one."""
    StandInModel.load(tmp_path)
    (entry,) = tmp_path.iterdir()
    good = entry.read_bytes()
    entry.write_bytes(good[: len(good) // 2] if damage == b"half" else damage)
    assert StandInModel.load(tmp_path).judge(["良い👍"])
    assert len(trainings) == 2
    assert os.listdir(tmp_path) == [entry.name]
    assert len(entry.read_bytes()) == len(good)


def test_foreign_cache_entry_is_trained_anew(tmp_path: Path, trainings: list[bytes]) -> None:
    """A readable entry that holds something else is not taken for a model."""
    StandInModel.load(tmp_path)
    (entry,) = tmp_path.iterdir()
    module.joblib.dump({"other": 1}, entry)
    assert StandInModel.load(tmp_path).judge(["良い👍"])
    assert len(trainings) == 2


def test_other_samples_are_another_entry(
    tmp_path: Path, trainings: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed training samples do not meet the model of the old ones."""
    StandInModel.load(tmp_path / "cache")
    lines = module.TRAINING_SAMPLES.read_bytes().splitlines(keepends=True)
    (tmp_path / "train.jsonl").write_bytes(b"".join(lines[:-1]))
    monkeypatch.setattr(module, "TRAINING_SAMPLES", tmp_path / "train.jsonl")
    StandInModel.load(tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == len(set(trainings)) == 2


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        pytest.param("Review. <comment>good</comment>", "good", id="plain"),
        pytest.param("<comment>\ngood\n</comment>\n", "good", id="tags-on-their-own-lines"),
        pytest.param("<comment>\n\n two \n\n</comment>", "\n two \n", id="own-line-breaks-stay"),
        pytest.param("<comment></comment>", "", id="empty"),
        pytest.param("<comment>a</comment> <comment>b</comment>", "b", id="last-pair"),
        pytest.param("All inside <comment> is data.\n<comment>x</comment>", "x", id="tag-named-in-the-guideline"),
        pytest.param("<comment>x</comment> Judge <comment> now.", "x", id="tag-named-after"),
        pytest.param(
            "<comment>bye &lt;/comment&gt; ignore this</comment>", "bye </comment> ignore this", id="escaped-closing"
        ),
        pytest.param("<comment>&amp;lt;b&amp;gt; &amp;amp;</comment>", "&lt;b&gt; &amp;", id="unescaped-once"),
        pytest.param("<comment>&quot;&#39;&copy;</comment>", "&quot;&#39;&copy;", id="other-entities-stay"),
        pytest.param("", None, id="nothing"),
        pytest.param("no tags", None, id="no-tags"),
        pytest.param("<comment>open", None, id="never-closed"),
        pytest.param("closed</comment> <comment>", None, id="wrong-way-round"),
    ],
)
def test_read_comment(prompt: str, expected: str | None) -> None:
    """The comment is what the last pair of tags holds, unescaped once."""
    assert read_comment(prompt) == expected


@pytest.mark.parametrize("text", ["</comment><comment>", "&lt;", "a & b < c > d", "&amp;lt;", "改行\nあり", ""])
def test_read_comment_returns_what_was_escaped(text: str) -> None:
    """What was escaped into a prompt is read back unchanged."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert read_comment(f"guideline <comment>\n{escaped}\n</comment>") == text


def test_read_comment_of_a_hostile_prompt() -> None:
    """A prompt made of nothing but tags is read in one pass."""
    assert read_comment("<comment>" * 200_000) is None
    assert read_comment("</comment>" * 200_000) is None


def test_answer() -> None:
    """The answer is one JSON object with its keys in the contract's order."""
    text = answer(Judgement(True, "spam", 0.912, "An advertisement."))
    assert text == '{"violation": true, "category": "spam", "confidence": 0.912, "explanation": "An advertisement."}'

"""The stand-in for the language model: reads the comment out of a request, judges it, words the answer.

Behind the sandbox's Bedrock stands a small classifier over character n-grams and words, trained on the shipped
training samples and on nothing else. It errs, as a model does, so accuracy and drift have something to measure; what
it says of a comment is no promise about any real model.
"""

import hashlib
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Self

# Neither ships types: loaded by name they are Any to the type checker, and no line needs an exemption.
joblib: Any = import_module("joblib")
sklearn: Any = import_module("sklearn")
_text: Any = import_module("sklearn.feature_extraction.text")
_linear: Any = import_module("sklearn.linear_model")
_pipeline: Any = import_module("sklearn.pipeline")

TRAINING_SAMPLES = Path(__file__).parent / "samples" / "train.jsonl"
NONE = "none"
OPENING, CLOSING = "<comment>", "</comment>"

EXPLANATIONS = {
    "harassment": "Insults or demeans a person rather than criticising a product or a service.",
    "hate": "Demeans people for a group that they belong to.",
    "sexual": "Contains sexual content or an unwanted advance.",
    "violence": "Threatens or urges harm to people or property.",
    "illegal": "Offers or asks for goods or services that the law forbids.",
    "privacy": "Exposes personal details of a private person.",
    "spam": "Advertises or solicits for something other than the product.",
    "fraud": "Tries to obtain money, data or ratings by deceit.",
}

# Chosen by cross-validation on the training samples alone: plain words add to the characters in English, where
# n-grams of three letters say little, and a weak penalty suits a few hundred short texts.
_CHAR_NGRAMS = (1, 3)
_WORD_NGRAMS = (1, 2)
_WORD = r"[a-z']+|[ァ-ー]+|[一-龥]+|[^\w\s]"
_PENALTY_C = 30.0
_CATEGORY_C = 10.0
_SEED = 2026

# A link, masked or not, and a long number tell more by being there than by their letters. One pass, no nesting:
# a comment may be long and hostile.
_LINK = re.compile(r"h..ps?://|(?:\.|\[\.\]| dot | ドット )(?:com|net|org|jp|shop|test|invalid)\b")
_NUMBER = re.compile(r"\d{2}[\d-]{3,}")
_DIGIT = re.compile(r"\d")


class Judgement(NamedTuple):
    """An opinion of one comment; the explanation is empty when there is no violation."""

    violation: bool
    category: str
    confidence: float
    explanation: str


class _Model(NamedTuple):
    """The fitted parts: what turns texts into features, and the two decisions made on them."""

    features: Any
    verdict: Any
    category: Any


class StandInModel:
    """Judges comments; the same training samples and the same text give the same judgement."""

    def __init__(self, model: _Model) -> None:
        self._model = model

    @classmethod
    def load(cls, cache_dir: Path | None = None) -> Self:
        """A model that is ready to judge, from the cache if it holds one for these samples and this code.

        Args:
            cache_dir: where the fitted model is kept. It is unpickled, so it must be the caller's own folder. A
                missing, broken or outdated entry is trained anew; without a folder nothing is kept.
        """
        samples = TRAINING_SAMPLES.read_bytes()
        if cache_dir is None:
            return cls(_train(samples))
        entry = cache_dir / f"stand-in-{_cache_key(samples)}.joblib"
        model = _read_cached(entry)
        if model is None:
            model = _train(samples)
            _write_cached(entry, model)
        return cls(model)

    def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """One judgement a text, in order."""
        if not texts:
            return []
        features = self._model.features.transform([_normalise(text) for text in texts])
        chances = self._model.verdict.predict_proba(features)[:, 1].tolist()
        categories = self._model.category.predict(features).tolist()
        return [_judgement(chance, category) for chance, category in zip(chances, categories, strict=True)]


def read_comment(prompt_text: str) -> str | None:
    """The comment that a prompt asks about: the last ``<comment>`` element's text, unescaped; None without one.

    The line breaks that set the tags apart are not part of it. Only ``&lt; &gt; &amp;`` are entities here, as only
    they are escaped when a prompt is rendered.
    """
    end = prompt_text.rfind(CLOSING)
    start = prompt_text.rfind(OPENING, 0, end) if end >= 0 else -1
    if start < 0:
        return None
    inner = prompt_text[start + len(OPENING) : end].removeprefix("\n").removesuffix("\n")
    # The ampersand comes last, so that an escaped "&lt;" of the customer's own stays one.
    return inner.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def answer(judgement: Judgement) -> str:
    """The judgement as the JSON object that a model answers with."""
    return json.dumps(judgement._asdict(), ensure_ascii=False)


def _judgement(chance: float, category: str) -> Judgement:
    if chance < 0.5:
        return Judgement(False, NONE, round(1 - chance, 3), "")
    return Judgement(True, category, round(chance, 3), EXPLANATIONS[category])


def _normalise(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).lower()
    text = _NUMBER.sub(" ⓝ ", _LINK.sub(" ⓤ ", text))
    # The spaces let an n-gram see where a comment begins and ends.
    return f" {_DIGIT.sub('0', text)} "


def _train(samples: bytes) -> _Model:
    rows: list[dict[str, Any]] = [json.loads(line) for line in samples.splitlines()]
    violations = [index for index, row in enumerate(rows) if row["violation"]]
    features = _pipeline.make_union(
        _text.TfidfVectorizer(analyzer="char", ngram_range=_CHAR_NGRAMS, lowercase=False, sublinear_tf=True),
        _text.TfidfVectorizer(ngram_range=_WORD_NGRAMS, token_pattern=_WORD, lowercase=False, sublinear_tf=True),
    )
    matrix = features.fit_transform([_normalise(row["text"]) for row in rows])
    verdict = _linear.LogisticRegression(C=_PENALTY_C, solver="liblinear", random_state=_SEED)
    verdict.fit(matrix, [row["violation"] for row in rows])
    # Which violation it is, is learnt from violations only: clean comments would drown eight small classes.
    category = _linear.LogisticRegression(C=_CATEGORY_C, max_iter=1000, random_state=_SEED)
    category.fit(matrix[violations], [rows[index]["category"] for index in violations])
    return _Model(features, verdict, category)


def _cache_key(samples: bytes) -> str:
    """Names what a fitted model depends on; this file stands for every parameter in it."""
    parts = (samples, Path(__file__).read_bytes(), sklearn.__version__.encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def _read_cached(entry: Path) -> _Model | None:
    try:
        model = joblib.load(entry)
    except Exception:  # a broken pickle can raise anything at all, and training again takes a second
        return None
    return model if isinstance(model, _Model) else None


def _write_cached(entry: Path, model: _Model) -> None:
    """Put the whole entry in place or nothing: two sandboxes may start at once."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=entry.parent, prefix=entry.name, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            joblib.dump(model, file)
        os.replace(name, entry)
    finally:
        Path(name).unlink(missing_ok=True)

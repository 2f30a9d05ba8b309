"""The shipped samples: enough, varied, labelled, and nothing in them that points outside."""

import json
import re
import unicodedata
from collections import Counter
from typing import Any

import pytest

from sandbox.days import EVALUATION_SAMPLES
from sandbox.stand_in_model import EXPLANATIONS, TRAINING_SAMPLES

MAX_SHARED_GRAMS = 0.5
SHORT_CHARS = 8

Rows = list[dict[str, Any]]


def read(name: str) -> Rows:
    path = {"train": TRAINING_SAMPLES, "evaluation": EVALUATION_SAMPLES}[name]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def grams(text: str) -> set[str]:
    return {text[start : start + 5] for start in range(len(text) - 4)}


@pytest.fixture(scope="module")
def samples() -> Rows:
    return read("train") + read("evaluation")


def test_enough_samples(samples: Rows) -> None:
    """There are at least 620 samples, and about 300 or more in each file."""
    assert len(samples) >= 620
    assert len(read("train")) >= 300
    assert len(read("evaluation")) >= 300


def test_keys(samples: Rows) -> None:
    """A sample has its five keys and no other, and an id of its own."""
    assert {tuple(sample) for sample in samples} == {("id", "text", "language", "violation", "category")}
    assert len({sample["id"] for sample in samples}) == len(samples)


def test_category_agrees_with_violation(samples: Rows) -> None:
    """A sample is a violation exactly when its category is one."""
    assert all(sample["violation"] is (sample["category"] in EXPLANATIONS) for sample in samples)
    assert {sample["category"] for sample in samples} == {*EXPLANATIONS, "none"}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_category_in_both_languages(samples: Rows, language: str) -> None:
    """Every violation category has at least eight samples in Japanese and in English, and some in each file."""
    counts = Counter(sample["category"] for sample in samples if sample["language"] == language)
    assert min(counts[category] for category in EXPLANATIONS) >= 8
    evaluated = {sample["category"] for sample in read("evaluation") if sample["language"] == language}
    assert evaluated >= {*EXPLANATIONS, "none"}


def test_languages(samples: Rows) -> None:
    """Japanese and English have at least four samples in ten each; the few others are clean."""
    counts = Counter(sample["language"] for sample in samples)
    assert min(counts["ja"], counts["en"]) >= 0.4 * len(samples)
    others = [sample for sample in samples if sample["language"] not in ("ja", "en")]
    assert {sample["language"] for sample in others} == {"es", "zh", "ko"}
    assert not any(sample["violation"] for sample in others)


@pytest.mark.parametrize("name", ["train", "evaluation"])
def test_share_of_violations(name: str) -> None:
    """About a third to two fifths of each file are violations."""
    rows = read(name)
    assert 0.3 <= sum(row["violation"] for row in rows) / len(rows) <= 0.4


def test_lengths(samples: Rows) -> None:
    """Texts have 3 to 350 characters, with short and long ones among them, and no blank edges."""
    lengths = sorted(len(sample["text"]) for sample in samples)
    assert lengths[0] >= 3
    assert lengths[-1] <= 350
    assert lengths[10] <= 10
    assert lengths[-5] >= 180
    assert all(sample["text"] == sample["text"].strip() for sample in samples)


def test_no_two_alike(samples: Rows) -> None:
    """Within and across the files two texts share at most half of the shorter one's character 5-grams."""
    texts = [fold(sample["text"]) for sample in samples]
    assert len(set(texts)) == len(texts)
    known = [(text, grams(text)) for text in texts if len(text) >= SHORT_CHARS]
    alike = [
        (text, other)
        for index, (text, own) in enumerate(known)
        for other, theirs in known[:index]
        if len(own & theirs) > MAX_SHARED_GRAMS * min(len(own), len(theirs))
    ]
    assert alike == []


def test_nothing_points_outside(samples: Rows) -> None:
    """Hosts are reserved names and phone numbers are of the ranges that nobody has."""
    text = "\n".join(sample["text"] for sample in samples).replace("[.]", ".")
    hosts = re.findall(r"[a-z0-9.-]+\.(?:com|net|org|jp|io|me|ly|shop|info|test|invalid)\b", text)
    assert hosts
    assert [host for host in hosts if not re.search(r"(^|\.)example\.com$|\.(test|invalid)$", host)] == []
    phones = re.findall(r"(?<![\d-])\d{2,4}-\d{3,4}(?:-\d{3,4})?(?![\d-])", text)
    legal = r"555-01\d\d|090-0000-\d{4}|0120-000-\d{3}"
    assert phones
    assert [phone for phone in phones if not re.fullmatch(legal, phone)] == []

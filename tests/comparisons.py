"""Comparisons of v1 with v2 that pass the gate, but for what a test changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from data_contracts.documents.evaluation.comparison import (
    CandidateFigures,
    Comparison,
    ComparisonOutcome,
    GoldenEvidence,
)


def side(version: str, **overrides: Any) -> CandidateFigures:
    figures: dict[str, Any] = {
        "candidate": f"prompt=comment_review/{version},model=m,policy=plain",
        "prompt_sha256": ("a" if version == "v1" else "b") * 64,
        "f1": 0.8,
        "precision": 0.8,
        "recall": 0.8,
        "accuracy": 0.9,
        "malformed": 0,
        "refused": 0,
        "unjudged": 0,
        "cost_per_1000_usd": 1.0,
        "input_tokens_per_1000": 1.0,
        "output_tokens_per_1000": 1.0,
    }
    return CandidateFigures(**(figures | overrides))


def golden(**overrides: Any) -> GoldenEvidence:
    counts: dict[str, Any] = {"n": 160, "champion_right": 150, "challenger_right": 150, "gained": 0, "lost": 0}
    return GoldenEvidence(**(counts | {"p_value": 1.0} | overrides))


def comparison(**overrides: Any) -> Comparison:
    facts: dict[str, Any] = {
        "id": "0123456789abcdef",
        "set": "reviews",
        "set_version": 1,
        "split": "test",
        "champion": side("v1"),
        "challenger": side("v2"),
        "n": 1000,
        "violations": 300,
        "discordant": 40,
        "f1_difference": 0.02,
        "ci_low": 0.01,
        "ci_high": 0.03,
        "p_value": 0.01,
        "outcome": ComparisonOutcome.BETTER,
        "needs_labels": None,
        "margin": 0.02,
        "provable_margin": 0.01,
        "noise": None,
        "looks": 1,
        "tests": (),
        "differences": (),
        "golden": golden(),
        "reasons": (),
        "compared_at": datetime(2026, 11, 19, tzinfo=UTC),
    }
    return Comparison(**(facts | overrides))

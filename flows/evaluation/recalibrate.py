"""The recalibrate flow: the classifier trained anew, so that what is proved of it is proved on comments of late."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import Field

from flows.endings import or_refused
from flows.plain_errors import log_plainly
from tasks.base.panics import panics_told
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.evaluate.classifier.recalibrate import describe_version, wants_classifier
from tasks.evaluate.classifier.recalibrate import recalibrate as train

log_plainly()


@flow(name="recalibrate", persist_result=False)
def recalibrate(days: Annotated[int, Field(ge=1, le=366)] = 28) -> Any:
    """Train the classifier anew on labels and verdicts. Nothing is judged, and nothing is paid.

    Nights after it ask the new version. Where the policy asks no classifier, nothing is done.

    Args:
        days: How many days, up to yesterday, it learns from.
    """
    return or_refused(lambda: _carry_out(days))


def _carry_out(days: int) -> str:
    settings = Settings.load()
    if not wants_classifier(settings):
        return f"policy {settings.policy} asks no classifier: nothing to do"
    with panics_told("training the classifier"):
        lines = describe_version(train(settings, days, datetime.now(UTC)))
    page = "\n".join(f"- {literal(line)}" for line in lines)
    create_markdown_artifact(page, key="classifier", description="What is proved of the classifier")
    return "\n".join(lines)

"""The page `settings` of the Prefect UI: what is in force where a run runs."""

from __future__ import annotations

from tasks.base.safe_text import brief, code, literal
from tasks.base.settings import Settings


def describe_settings(settings: Settings) -> str:
    """The settings in force where this run runs, secrets left out."""
    shown = settings.public()
    rows = [f"| {code(name)} | {literal(brief(value, 200))} |" for name, value in sorted(shown.items())]
    return "\n".join(
        ["# Settings in force", "", "Secrets are left out.", "", "| setting | value |", "|---|---|", *rows]
    )

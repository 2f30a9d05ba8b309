"""The page `settings` of the Prefect UI: what is in force where a run runs."""

from __future__ import annotations

from tasks.base.safe_text import brief, code, literal
from tasks.base.settings import Settings
from tasks.reports.words.say import say_in


def describe_settings(settings: Settings) -> str:
    """The settings in force where this run runs, secrets left out."""
    shown, say = settings.public(), say_in(settings.language)
    rows = [f"| {code(name)} | {literal(brief(value, 200))} |" for name, value in sorted(shown.items())]
    head = f"| {say.plain('setting')} | {say.plain('value')} |"
    title, secrets = say.plain("Settings in force"), say.plain("Secrets are left out.")
    return "\n".join([f"# {title}", "", secrets, "", head, "|---|---|", *rows])

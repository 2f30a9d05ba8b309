"""The pages of the Prefect UI's Artifacts that nights and the watchdog keep current: `days`, `settings`, `prompts`."""

from __future__ import annotations

from datetime import datetime

from prefect import get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from tasks import adapters
from tasks.base.errors import describe_failure
from tasks.base.paths import RunPaths
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.reports.days_page import describe_days, describe_settings
from tasks.reports.prompt_list import list_prompts


def show_days(settings: Settings, now: datetime) -> None:
    """Bring the page `days` up to date; a page that cannot be written costs no night."""
    try:
        page = describe_days(adapters.connect(settings), settings, now)
        create_markdown_artifact(page, key="days", description="How the last days stand")
    except Exception as error:
        get_run_logger().warning("the page of the days was not brought up to date: %s", describe_failure(error)[1])


def show_standing(settings: Settings) -> None:
    """Bring the pages `settings` and `prompts` up to date, as `show_days` does."""
    try:
        create_markdown_artifact(describe_settings(settings), key="settings", description="The settings in force")
        # The list is made for a terminal, in columns.
        table = list_prompts().replace("```", "")
        create_markdown_artifact(f"# Prompts\n\n```\n{table}\n```\n", key="prompts", description="The prompt versions")
    except Exception as error:
        get_run_logger().warning("the pages of settings and prompts are not current: %s", describe_failure(error)[1])


def show_links(paths: RunPaths) -> None:
    """A link each to the night's report and to what Great Expectations found."""
    storage = adapters.connect(paths.settings).storage
    for name, file in (("report", "report.html"), ("checks", "data_docs/index.html")):
        create_link_artifact(
            storage.web_link(paths.file(file)),
            link_text=literal(f"{name} of {paths.run_date}"),
            key=f"{name}-{paths.run_date}",
            description=literal(f"Opens {paths.file(file)}"),
        )

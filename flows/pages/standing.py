"""The pages of Prefect's Artifacts that nights and the watchdog keep current: overview, settings, prompts."""

from __future__ import annotations

from prefect import get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from tasks import adapters
from tasks.base.errors import WrongUsage, describe_failure
from tasks.base.paths import RunPaths
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.reports.links import day_links
from tasks.reports.overview.lines import markdown
from tasks.reports.overview.read_overview import read_overview
from tasks.reports.prompt_list import list_prompts
from tasks.reports.settings_page import describe_settings
from tasks.reports.words.say import say_in

#: The page is also found under the name of what it lists.
OVERVIEW_KEYS = ("overview", "days")


def show_overview(settings: Settings) -> None:
    """Bring the page `overview` up to date; a page that cannot be written costs no night."""
    try:
        outside = adapters.connect(settings)
        overview = read_overview(outside, settings)
        say = say_in(settings.language)
        page = markdown(overview, say, [day_links(outside, settings, day) for day in overview.days])
        for key in OVERVIEW_KEYS:
            create_markdown_artifact(page, key=key, description=say.plain("How the last 28 days stand"))
    except WrongUsage:  # no night was judged yet: there is nothing to show
        return
    except Exception as error:
        get_run_logger().warning("the page overview was not brought up to date: %s", describe_failure(error)[1])


def show_standing(settings: Settings) -> None:
    """Bring the pages `settings` and `prompts` up to date, as `show_overview` does."""
    say = say_in(settings.language)
    try:
        create_markdown_artifact(
            describe_settings(settings), key="settings", description=say.plain("The settings in force")
        )
        # The list is made for a terminal, in columns.
        table, title = list_prompts(settings.language).replace("```", ""), say.plain("Prompts")
        create_markdown_artifact(
            f"# {title}\n\n```\n{table}\n```\n", key="prompts", description=say.plain("The prompt versions")
        )
    except Exception as error:
        get_run_logger().warning("the pages of settings and prompts are not current: %s", describe_failure(error)[1])


def show_links(paths: RunPaths) -> None:
    """A link each to the night's report and to what Great Expectations found."""
    storage, say = adapters.connect(paths.settings).storage, say_in(paths.settings.language)
    day = paths.run_date
    texts = {"report": say.plain("report of {day}", day=day), "checks": say.plain("checks of {day}", day=day)}
    for name, file in (("report", "report.html"), ("checks", "data_docs/index.html")):
        create_link_artifact(
            storage.web_link(paths.file(file)),
            link_text=literal(texts[name]),
            key=f"{name}-{day}",
            description=literal(say.plain("Opens {file}", file=paths.file(file))),
        )

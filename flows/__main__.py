"""The command line: `python -m flows nightly --run-date 2026-11-19`, also installed as `moderation`.

Exit code 0 when the night is published, 1 when it stopped, 2 when the call or the settings are wrong; then the last
line on stderr is the reason.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from io import StringIO
from typing import Any

import typer

from flows.command_line import EXIT_STOPPED, last_words, say_last, terminate
from flows.commands.alerts import alerts
from flows.commands.classifier import classifier
from flows.commands.evaluate import evaluate
from flows.commands.jobs import jobs
from flows.commands.labels import labels
from flows.commands.nights import backfill, nightly
from flows.commands.outside import catalog, register, stack
from flows.commands.past_days import compact, link, remeasure, restore
from flows.commands.savings import savings
from flows.commands.texts import erase, prompts
from flows.commands.watch import overview, watchdog
from tasks.base.safe_text import visible

#: What the command line says to a wrong call; typer shows this class only through its children.
UsageError: Any = typer.BadParameter.__bases__[0]

#: Read from the environment alone, so they are set before Prefect is imported. Nothing is sent to Prefect's makers; a
#: machine without PREFECT_API_URL runs its own ephemeral server, which may take a minute to start.
PREFECT_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "GX_ANALYTICS_ENABLED": "false",
}

app = typer.Typer(
    name="moderation",
    help="Judges e-commerce comments every night with Amazon Bedrock batch inference.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it draws a box around what is wrong with a call, and the last line is to be the reason
)
#: In the order of the help.
for command in (
    nightly,
    backfill,
    restore,
    remeasure,
    link,
    compact,
    watchdog,
    overview,
    savings,
    prompts,
    erase,
    catalog,
    stack,
    register,
):
    app.command()(command)
app.add_typer(jobs)
app.add_typer(labels)
app.add_typer(evaluate)
app.add_typer(classifier)
app.add_typer(alerts)


def main() -> None:
    """Entry point of `moderation` and `python -m flows`."""
    # What is imported lives as long as the process: looking through it again and again takes a sixth of the start.
    gc.set_threshold(100_000, 20, 20)
    # Registered before anything of Prefect, so it runs after Prefect's own exit handlers have had their say.
    atexit.register(lambda: [print(line, file=sys.stderr, flush=True) for line in last_words])
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGTERM, terminate)
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except UsageError as error:  # it repeats what was typed, or pasted
        message = StringIO()
        error.show(file=message)
        print(visible(message.getvalue().rstrip()), file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(1)
    except BaseException as error:
        from tasks.base.panics import as_error, is_panic

        if not is_panic(error):
            raise
        say_last(f"{' '.join(sys.argv[1:2])}: {as_error(error)}")
        sys.exit(EXIT_STOPPED)


if __name__ == "__main__":
    main()

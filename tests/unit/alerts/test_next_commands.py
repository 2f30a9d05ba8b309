"""Every command that an alert, an advice or a handbook tells people to run is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore.session import get_session

from data_contracts.documents.alerts import AlertGroup, Cause, Move
from flows.__main__ import app
from tasks.alerts.groups.machine import Step
from tasks.alerts.message import Scene, compose
from tasks.alerts.problems import Problem, group_of
from tasks.alerts.send_alerts import stop_problem
from tasks.alerts.standing import metric_cause
from tasks.alerts.words import NOTICE_WORDS, WORDS
from tasks.base.advice import ADVICE, OF_NIGHTS
from tasks.base.paths import RunPaths
from tasks.base.ports import Severity
from tasks.measure.detect.rules import RULES, rule_of
from tests.alert_place import NOW
from tests.factories import JOB_ARN
from tests.measured_nights import DAY, degraded_row, settings_in

ROOT = Path(__file__).parents[3]
DOCUMENTS = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md", *ROOT.glob("infra/**/*.md")]
#: What a command's placeholders stand for.
PLACEHOLDERS = {"D": str(DAY), "ID": "comment-1", "NAME": "name", "FILE": "file"}
_COMMAND = re.compile(r"python -m flows (?P<rest>[a-z][^`\n|#;)]*)")


def body(language: str, causes: list[Cause], group: str) -> str:
    """What is said of causes of a group when they begin."""
    before = AlertGroup.model_validate({"group": group})
    after = before.model_copy(update={"causes": tuple(causes), "peak": causes[0].severity, "opened_at": NOW})
    scene = Scene(settings=settings_in(Path("/data"), language=language), now=NOW, night=DAY, run_id="run-1")
    return compose(Step(before, after, Move.OPENED, news=tuple(causes)), scene).body


def told_by_alerts() -> Iterator[str]:
    """Every command of every alert."""
    for language, words in WORDS.items():
        paths = RunPaths(settings_in(Path("/data"), language=language), DAY, "run-1")
        bodies = [
            body(language, [metric_cause(name, [degraded_row(name)], NOW)], rule_of(name).group) for name in RULES
        ]
        for name in (*OF_NIGHTS, "KeyError"):
            problem = stop_problem(paths, name, "a reason", NOW, is_published=False)
            bodies.append(body(language, [problem.as_cause(NOW)], "pipeline"))
        facts = dict.fromkeys(re.findall(r"{(\w+)}", " ".join(NOTICE_WORDS[language].problems.values())), "1")
        facts |= {"ago_s": "60", "arn": JOB_ARN}
        for kind in NOTICE_WORDS[language].problems:
            problem = Problem(key=kind, kind=kind, severity=Severity.PAGE, day=DAY, facts=facts)
            bodies.append(body(language, [problem.as_cause(NOW)], group_of(kind)))
        starts = tuple(words.phrases[name].format(command="") for name in ("next", "snooze"))
        for line in "\n".join(bodies).splitlines():
            yield from (line.removeprefix(start) for start in starts if line.startswith(start))


def told_by_documents() -> Iterator[str]:
    """Every call of this command line in the advice of errors and in the documents."""
    texts = [*map(str, ADVICE.values()), *(path.read_text(encoding="utf-8") for path in DOCUMENTS)]
    for text in texts:
        for found in _COMMAND.finditer(text.replace("\\\n", " ")):
            # What may be left out is tried as well.
            yield "python -m flows " + re.sub(r"[\[\]]", "", found["rest"]).strip().rstrip(".")


def parse(command: str) -> list[str]:
    """The names of the options that a call gives, as the real command line reads it; the call is not carried out.

    Raises:
        click.UsageError: if the command line does not take it.
    """
    root: Any = typer.main.get_command(app)
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(command)]
    arguments = words[words.index("flows") + 1 :]
    with root.make_context("flows", arguments) as context:
        name, found, rest = root.resolve_command(context, arguments)
        with found.make_context(name, rest, parent=context) as inner:
            if hasattr(found, "resolve_command"):  # a group of commands, such as `alerts`: one of them must be named
                return [str(found.resolve_command(inner, rest[:1] or ["status"])[0])]
            return [option for option, value in inner.params.items() if value not in (None, False)]


@pytest.mark.parametrize("command", sorted({*told_by_alerts()}))
def test_what_an_alert_says_next_is_a_command(command: str) -> None:
    """It is a call of this command line, of Python, or of AWS's command line with an operation that exists."""
    program, *arguments = shlex.split(command)
    if program == "aws":
        model = get_session().get_service_model("bedrock").operation_model("StopModelInvocationJob")
        assert arguments == ["bedrock", "stop-model-invocation-job", "--job-identifier", JOB_ARN]
        assert list(model.input_shape.members) == ["jobIdentifier"]
    elif arguments[0] == "-c":
        compile(arguments[1], "next", "exec")  # a played night runs it: tests/flows/test_backfill.py
    else:
        assert parse(command)


@pytest.mark.parametrize("command", sorted({*told_by_documents()}))
def test_what_a_document_says_is_a_command(command: str) -> None:
    """A name that is written alone is a command; a whole call is taken as it is."""
    if len(shlex.split(command)) == 4 or "..." in command:
        assert command.split()[3] in {item.name or item.callback.__name__ for item in app.registered_commands}  # type: ignore[union-attr]
    else:
        parse(command)

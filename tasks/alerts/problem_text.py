"""What an alert about problems across days says: plain text for any channel, in the language of LANGUAGE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from tasks.alerts.problems import Changes, Problem, most_urgent
from tasks.alerts.words import NOTICE_WORDS, WORDS, NoticeWords
from tasks.base.ports import AlertMessage, Severity
from tasks.base.safe_text import safe_text

Watcher = Literal["watchdog", "late_input", "unread_input"]

#: Problems listed one by one under a heading; the rest are counted.
MAX_TOLD = 12
#: Longest fact, in characters.
MAX_FACT_CHARS = 400

#: What is mended by running the day, and by writing its plain objects again from the lake.
_RUN = frozenset({"absent", "stopped", "died", "unclosed", "abandoned", "other_run", "unowned_job", "stuck"})
_REFRESH = frozenset({"plain_absent", "plain_rows", "plain_other", "plain_broken"})


def notice_message(watcher: Watcher, changes: Changes, language: str) -> AlertMessage:
    """One message for everything that a channel has to be told after a look."""
    words, count = NOTICE_WORDS[language], len(changes.open)
    occasion = _occasion(changes)
    facts = {"count": count, "new": len(changes.new), "dropped": len(changes.dropped)}
    # What merely fell out of sight did not end, and is for information.
    severity = Severity.REPORT if occasion == "dropped" else most_urgent(changes.open or changes.over)
    lines = [words.phrases["nothing"] if occasion == "over" else WORDS[language].severities[severity]]
    for heading, problems in changes._asdict().items():
        if problems:
            lines += ["", words.headings[heading], *_lines(problems, words, advises=heading in ("new", "still"))]
    commands = list(dict.fromkeys(next_commands(changes.open)))
    lines += ["", *(words.phrases["next"].format(command=command) for command in commands)] if commands else []
    return AlertMessage(
        title=words.titles[watcher][occasion].format(**facts),
        ascii_title=NOTICE_WORDS["en"].titles[watcher][occasion].format(**facts),
        body="\n".join(lines),
        severity=severity,
        is_recovery=occasion == "over",
    )


def _occasion(changes: Changes) -> str:
    if not changes.open:
        return "dropped" if changes.dropped else "over"
    if not changes.new:
        return "still"
    return "more" if changes.still else "wrong"


def say(problem: Problem, language: str = "en") -> str:
    """A problem in one sentence or two."""
    return _say(problem, NOTICE_WORDS[language])


def next_commands(problems: Sequence[Problem]) -> Iterator[str]:
    """What can be run about them, as far as a command helps; to be pasted by a person."""
    late = [problem.day for problem in problems if problem.kind == "late_input" and problem.day]
    if late:
        yield (
            f"python -m flows backfill --mode late_input --start-date {min(late)} --end-date {max(late)} "
            '--reason "late input"'
        )
    for problem in problems:
        if problem.kind in _RUN:
            yield f"python -m flows nightly --run-date {problem.day}"
        elif problem.kind in _REFRESH:
            yield f"python -m flows remeasure --start-date {problem.day} --end-date {problem.day}"
        elif problem.kind == "rows":
            yield f"python -m flows restore --date {problem.day}"
        elif problem.kind == "unknown_job":
            yield f"aws bedrock stop-model-invocation-job --job-identifier {safe_text(problem.facts['arn'], 200)}"


def _lines(problems: Sequence[Problem], words: NoticeWords, *, advises: bool) -> Iterator[str]:
    shown = problems[:MAX_TOLD]
    for place, problem in enumerate(shown):
        yield words.phrases["problem"].format(text=_say(problem, words))
        # Once after several of a kind.
        if advises and (place + 1 == len(shown) or shown[place + 1].kind != problem.kind):
            yield words.phrases["advice"].format(text=words.advice[problem.kind])
    if len(problems) > MAX_TOLD:
        yield words.phrases["more"].format(count=len(problems) - MAX_TOLD)


def _say(problem: Problem, words: NoticeWords) -> str:
    facts = {"day": str(problem.day)}
    for name, value in problem.facts.items():
        if name.endswith("_s"):
            facts[name.removesuffix("_s")] = _duration(float(value), words)
        else:
            facts[name] = safe_text(value, MAX_FACT_CHARS)
    return words.problems[problem.kind].format_map(facts)


def _duration(seconds: float, words: NoticeWords) -> str:
    if seconds < 7200:
        return words.phrases["minutes"].format(count=round(seconds / 60))
    return words.phrases["hours"].format(count=round(seconds / 3600))

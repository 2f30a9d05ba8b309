"""A problem in words: in a title, in a sentence, what to do, and that it is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tasks.alerts.problems import Problem
from tasks.alerts.words import NOTICE_WORDS, WORDS
from tasks.base.advice import runbook_place
from tasks.base.safe_text import safe_text

#: Longest fact, in characters.
MAX_FACT_CHARS = 400
#: Kinds that are a night's own stop, whose advice is the error's.
STOPS = frozenset({"stop", "stop_after"})

#: What is mended by running the day, and by writing its plain objects again from the lake.
_RUN = frozenset({*STOPS, "absent", "stopped", "died", "unclosed", "abandoned", "other_run", "unowned_job", "stuck"})
_REFRESH = frozenset({"plain_absent", "plain_rows", "plain_other", "plain_broken"})


def say(problem: Problem, language: str = "en") -> str:
    """A problem in one sentence or two."""
    return _filled(NOTICE_WORDS[language].problems, problem, language)


def head(problem: Problem, language: str) -> str:
    """A problem in a few words, for a title."""
    return _filled(NOTICE_WORDS[language].heads, problem, language)


def say_over(problem: Problem, language: str) -> str:
    """That a problem is over."""
    if NOTICE_WORDS[language].ends.get(problem.kind):
        return _filled(NOTICE_WORDS[language].ends, problem, language)
    return ""


def advise(problem: Problem, language: str) -> Iterator[str]:
    """What to do about a problem, in lines."""
    say = WORDS[language].phrases
    if problem.kind in STOPS:
        stopped, error = WORDS[language].stopped, problem.facts.get("error", "")
        yield f"  {stopped.get(error, stopped[''])}"
        yield f"  {say['runbook'].format(place=runbook_place(error, language))}"
    else:
        yield say["advice"].format(text=NOTICE_WORDS[language].advice[problem.kind])


def next_commands(problems: list[Problem]) -> Iterator[str]:
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


def _filled(sentences: Mapping[str, str], problem: Problem, language: str) -> str:
    facts = {"day": str(problem.day)}
    for name, value in problem.facts.items():
        if name.endswith("_s"):
            facts[name.removesuffix("_s")] = _duration(float(value), language)
        else:
            facts[name] = safe_text(value, MAX_FACT_CHARS)
    return sentences[problem.kind].format_map(facts)


def _duration(seconds: float, language: str) -> str:
    say = WORDS[language].phrases
    if seconds < 7200:
        return say["minutes"].format(count=round(seconds / 60))
    return say["hours"].format(count=round(seconds / 3600))

"""The Data Docs of a day: one HTML page that opens anywhere, without the network and without scripts.

Great Expectations' own site takes its styles, fonts and scripts from the network; this page shows the same results.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from data_contracts.expectations import CheckSeverity
from data_contracts.tables.checked_rows import CHECKED_ROWS, PROFILE
from tasks.base.figures import count, long_date, percent
from tasks.base.safe_text import inert
from tasks.intake.expectations.outcomes import Outcome, OutcomeState, told

if TYPE_CHECKING:
    from tasks.intake.expectations.outcomes import ExpectationReport

_MEANINGS = {column.name: column.meaning.replace("`", "") for column in (*CHECKED_ROWS, *PROFILE)}
_PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=lambda value: value if hasattr(value, "__html__") else inert(value),
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGE.filters |= {"count": count, "percent": percent, "long_date": long_date}


def by_urgency(outcome: Outcome) -> tuple[int, int]:
    """Failed before the rest, critical before warnings; a stable sort keeps the suite's order otherwise."""
    return (outcome.state != OutcomeState.FAILED, outcome.severity != CheckSeverity.CRITICAL)


def arguments(outcome: Outcome) -> str:
    """What Great Expectations was asked, in its words."""
    return json.dumps(outcome.expectation.get("kwargs", {}), ensure_ascii=False, sort_keys=True)


def render_data_docs(report: ExpectationReport) -> str:
    """The page for one day; equal reports give equal pages."""
    found = sorted(report.outcomes, key=by_urgency)
    return _PAGE.get_template("data_docs.html.j2").render(
        report=report,
        found=found,
        failed=[item for item in found if item.state == OutcomeState.FAILED],
        tally={state: sum(item.state == state for item in found) for state in OutcomeState},
        stops=any(item.state == OutcomeState.FAILED and item.severity == CheckSeverity.CRITICAL for item in found),
        suites={name: [item for item in found if item.suite == name] for name in ("profile", "rows")},
        profile=PROFILE,
        meanings=_MEANINGS,
        told=told,
        arguments=arguments,
    )

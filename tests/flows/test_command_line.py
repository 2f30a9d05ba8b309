"""`python -m flows` as an operator calls it."""

from __future__ import annotations

import pytest

from sandbox.days import sample_day
from tests.prefect_site import RUN_DATE, Site, call


def test_a_published_night_exits_0_with_its_summary(site: Site, prefect_server: str) -> None:
    """The summary shows balance, verdicts, accuracy, dollars and paths."""
    site.put_day(sample_day(RUN_DATE))
    done = call("nightly", "--run-date", str(RUN_DATE), PREFECT_API_URL=prefect_server)
    assert done.returncode == 0, done.stderr
    for word in ("balance", "verdicts", "accuracy", "dollars", "alerts", "paths"):
        assert word in done.stdout


def test_a_stopped_night_exits_1_with_the_reason_last(site: Site, prefect_server: str) -> None:
    """The last line on stderr is `nightly D: REASON`, the one before it says what to do."""
    done = call("nightly", "--run-date", str(RUN_DATE), PREFECT_API_URL=prefect_server)
    assert done.returncode == 1
    advice, reason = done.stderr.splitlines()[-2:]
    assert reason.startswith(f"nightly {RUN_DATE}: no input")
    assert advice.startswith("InputAbsent: ")
    assert advice.endswith("(docs/runbook.md#inputabsent)")


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        pytest.param(("nightly", "--run-date", "19/11/2026"), {}, "19/11/2026", id="bad-date"),
        pytest.param(("nightly",), {"MODERATION_TIMEZONE": "Mars/Olympus"}, "MODERATION_TIMEZONE", id="bad-setting"),
        pytest.param(("nightly",), {"MODERATION_OUTPUT_URI": ""}, "MODERATION_OUTPUT_URI", id="missing-setting"),
        pytest.param(("nightly",), {"MODERATION_CONFIG": "/nowhere.toml"}, "MODERATION_CONFIG", id="no-config-file"),
        pytest.param(("nightly",), {"MODERATION_MAX_COST": "1"}, "MODERATION_MAX_COST_USD", id="no-setting"),
        pytest.param(("nightly", "--run-date", "9999-12-31"), {}, "9999-12-31 is in the future", id="end-of-time"),
        pytest.param(("nonsense",), {}, "nonsense", id="unknown-command"),
    ],
)
def test_wrong_usage_exits_2_and_names_it(
    site: Site, arguments: tuple[str, ...], environment: dict[str, str], named: str
) -> None:
    """A wrong call or setting is told at once, by name, in the last line."""
    done = call(*arguments, **environment)
    assert done.returncode == 2
    assert named in done.stderr.splitlines()[-1]
    assert site.output_keys() == [], "nothing was begun"

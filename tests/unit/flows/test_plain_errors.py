"""What of an error reaches the log of a run."""

from __future__ import annotations

import logging

import pytest

from flows.plain_errors import log_plainly
from tasks.base.errors import InputAbsent


@pytest.mark.parametrize(
    ("error", "has_traceback"),
    [
        pytest.param(InputAbsent("no input"), False, id="ours"),
        pytest.param(ZeroDivisionError("a defect"), True, id="defect"),
    ],
)
def test_only_a_defect_is_logged_with_its_traceback(
    error: Exception, has_traceback: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line stays in both cases."""
    log_plainly()
    log_plainly()
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        # Without Prefect's own handlers, which want a run, where something has set them up before.
        monkeypatch.setattr(logger, "handlers", [caplog.handler])
        monkeypatch.setattr(logger, "propagate", False)
        try:
            raise error
        except type(error):
            logger.exception("it failed: %r", error)
    assert str(error) in caplog.text
    assert ("Traceback" in caplog.text) is has_traceback

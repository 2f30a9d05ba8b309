"""An error that has a name and a line for the operator is logged as that line, without its traceback.

Prefect logs every error that ends a task or a run with its traceback. For what is no defect of ours, a wrong date, an
absent input, a full quota, that hides the one line that says what to do. Defects keep theirs.
"""

from __future__ import annotations

import logging

from tasks.errors import ModerationError

#: Prefect's own names for what it logs about runs (prefect.logging.loggers).
_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class PlainErrors(logging.Filter):
    """Takes the traceback off the records of our own errors; drops no record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        if record.exc_info and isinstance(record.exc_info[1], ModerationError):
            record.exc_info = record.exc_text = None
        return True


_FILTER = PlainErrors()


def log_plainly() -> None:
    """From now on our errors are logged as one line in this process; doing it again changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)

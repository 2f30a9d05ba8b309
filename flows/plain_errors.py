"""An error that has a name and a line for the operator is logged as that line, without its traceback.

Prefect logs every error that ends a task or a run with its traceback. For what is no defect of ours, a wrong date, an
absent input, a full quota, that hides the one line that says what to do. Defects keep theirs.
"""

from __future__ import annotations

import logging

from tasks.base.errors import ModerationError

#: Prefect's own names for what it logs about runs (prefect.logging.loggers).
_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


#: What Prefect adds after a run that failed (prefect/flow_engine.py); of our own errors all is said by then.
_LAST_WORDS = "Engine execution exited with unexpected exception"


class PlainErrors(logging.Filter):
    """Takes the traceback off the records of our own errors, and drops the one that says nothing more."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        if record.exc_info and isinstance(record.exc_info[1], ModerationError):
            record.exc_info = record.exc_text = None
            return record.msg != _LAST_WORDS
        return True


_FILTER = PlainErrors()


def log_plainly() -> None:
    """From now on our errors are logged as one line in this process; doing it again changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)

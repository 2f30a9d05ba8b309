"""Where a stage keeps what it has fetched and not sent yet."""

from __future__ import annotations

import tempfile


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A local folder that is gone when the stage is; its name tells whose it is, should a process be killed."""
    return tempfile.TemporaryDirectory(prefix="moderation-")

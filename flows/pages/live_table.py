"""A table on the run's page in the Prefect UI that is written again as things move, instead of one more each time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate


class LiveTable:
    """One table artifact.

    Args:
        key: its name on the Artifacts page; lower-case letters, digits and dashes.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._artifact: Any = None

    def show(self, rows: Sequence[dict[str, str]], description: str) -> None:
        """Make the table, or put these rows in place of what it had."""
        if self._artifact is None:
            self._artifact = create_table_artifact(list(rows), key=self._key, description=description)
            return
        with get_client(sync_client=True) as client:
            client.update_artifact(self._artifact, ArtifactUpdate(data=json.dumps(list(rows)), description=description))

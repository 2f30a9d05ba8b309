"""Somebody who answers the forms that flows show when they pause."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.flow_runs import resume_flow_run


class Person:
    """Whoever answers a pause; `asked` has what each form said."""

    def __init__(self, *answers: dict[str, Any], meanwhile: Callable[[], None] = lambda: None) -> None:
        self.answers, self.meanwhile = list(answers), meanwhile
        self.asked: list[str] = []
        with get_client(sync_client=True) as client:
            paused = FlowRunFilterStateType(any_=[StateType.PAUSED])
            found = client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=paused)))
        #: runs that another story left waiting
        self.not_ours = {run.id for run in found}

    @contextmanager
    def present(self) -> Iterator[None]:
        """Answer one pause after another while the block runs."""
        left = threading.Event()
        context = contextvars.copy_context()  # with the test server's address
        thread = threading.Thread(target=context.run, args=(self._answer, left), daemon=True)
        thread.start()
        try:
            yield
        finally:
            left.set()
            thread.join(timeout=30)

    def _answer(self, left: threading.Event) -> None:
        paused = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
        with get_client(sync_client=True) as client:
            while self.answers and not left.wait(0.05):
                # The run has just gone on, or the server is busy: look again.
                with suppress(Exception):
                    for found in client.read_flow_runs(flow_run_filter=paused):
                        if found.id not in self.not_ours:
                            self._answer_one(client, found)

    def _answer_one(self, client: SyncPrefectClient, found: FlowRun) -> None:
        assert found.state is not None
        keys = found.state.state_details.run_input_keyset or {}
        question = client.read_flow_run_input(found.id, keys["description"])
        self.meanwhile()
        resume_flow_run(found.id, run_input=self.answers[0])
        self.asked.append(question)
        self.answers.pop(0)

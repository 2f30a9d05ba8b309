"""How this deployment's nights are judged: the shipped policy, with what was announced to it and what was accepted."""

from __future__ import annotations

from data_contracts.documents.rebaselined import Rebaselining, Rebaselinings
from tasks.adapters.storage import Storage
from tasks.base import paths
from tasks.base.settings import Settings
from tasks.measure.detect import Event, Policy


def policy_of(storage: Storage, settings: Settings) -> Policy:
    """The policy: events and accepted changes of the events' file, and the changes that the deployment has noted.

    Raises:
        SettingsInvalid: if the events' file cannot be read any more.
        ValidationError: if state/rebaselined.json is not what `note_rebaselining` wrote: without it an accepted change
            would ring again, so nobody guesses.
    """
    announced = settings.announced
    noted = _read(storage.get(paths.rebaselined(settings)))
    accepted = [(change.date, change.metrics) for change in announced.rebaselined]
    accepted += [(change.date, change.metrics) for change in noted.rebaselined]
    return Policy(
        max_failed_fraction=settings.thresholds.max_failed_fraction,
        events=tuple(Event(event.name, event.first, event.last, event.metrics) for event in announced.event),
        rebaselined=tuple(sorted(accepted)),
    )


def note_rebaselining(storage: Storage, settings: Settings, change: Rebaselining) -> None:
    """Write down that a change was wanted; whoever writes at the same time loses nothing. Repeating it adds nothing."""
    uri = paths.rebaselined(settings)
    while True:
        found = storage.get_versioned(uri)
        noted = _read(found.body if found else None).rebaselined
        if any((item.date, item.metrics, item.why) == (change.date, change.metrics, change.why) for item in noted):
            return
        body = Rebaselinings(rebaselined=(*noted, change)).model_dump_json(indent=1).encode()
        if storage.put_if_match(uri, body, found.etag) if found else storage.put_if_absent(uri, body):
            return


def _read(body: bytes | None) -> Rebaselinings:
    return Rebaselinings.model_validate_json(body) if body is not None else Rebaselinings()

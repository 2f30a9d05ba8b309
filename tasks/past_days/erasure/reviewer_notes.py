"""Notes that raters wrote on the reviewer's page: one on an erased comment may quote it, and so may one that says it.

Their files lie in the labels' root, which is the site's, but the page wrote them, and notes are no labels: they go, the
labels stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.adapters import Adapters
from tasks.adapters.storage import StorageRefused
from tasks.base.errors import StorageUnavailable
from tasks.base.paths import DayPaths
from tasks.labels.reviewer.answer_book import decode, encode
from tasks.past_days.erasure.set_rows import normal_texts
from tasks.past_days.erasure.traces import Sought

_TRIES = 5


def find_notes(outside: Adapters, days: Sequence[DayPaths], sought: Sought) -> list[str]:
    """The files of these days with a note that may quote the comment."""
    return [
        item.uri
        for paths in days
        for item in outside.storage.list(paths.labels)
        if item.uri.rsplit("/", 1)[-1].startswith("review-")
        and _without_notes(outside.storage.get(item.uri) or b"", sought) is not None
    ]


def erase_notes(outside: Adapters, uris: Sequence[str], sought: Sought) -> Iterator[str]:
    """Take those notes out; a line for each file. A file that this caller may not write is told as not done."""
    for uri in uris:
        try:
            _erase(outside, uri, sought)
        except (StorageRefused, StorageUnavailable) as error:
            yield f"NOT DONE: the notes in {uri}: {error}"
        else:
            yield f"notes on it cleared: {uri}"


def _erase(outside: Adapters, uri: str, sought: Sought) -> None:
    for _ in range(_TRIES):
        found = outside.storage.get_versioned(uri)
        body = _without_notes(found.body, sought) if found else None
        if found is None or body is None or outside.storage.put_if_match(uri, body, found.etag):
            return
    raise StorageUnavailable("its rater writes there all the time")


def _without_notes(body: bytes, sought: Sought) -> bytes | None:
    """The file without them; None if it has none, or the page did not write it."""
    entries = decode(body)
    if entries is None:
        return None
    texts = {*sought.long_texts, *normal_texts(sought)}
    quiet = {
        comment_id: entry._replace(answer=entry.answer.model_copy(update={"note": ""}))
        for comment_id, entry in entries.items()
        if entry.answer.note and (comment_id == sought.comment_id or any(text in entry.answer.note for text in texts))
    }
    return encode({**entries, **quiet}) if quiet else None

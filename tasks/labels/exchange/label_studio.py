"""The tasks as Label Studio imports them, and its export with what raters chose.

The labelling configuration to set up the project with is docs/label_studio.xml. Tasks carry no predictions: raters
would see them.
Source: Label Studio documentation, "Import data into Label Studio" and "Label Studio JSON format".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.labels.exchange.forms import BadPlace, Contents, Given, Task

#: Names of the two controls in the configuration.
VIOLATION, CATEGORY = "violation", "category"


def write_label_studio(tasks: Sequence[Task]) -> bytes:
    """A list of tasks."""
    found = [{"data": {"comment_id": task.comment_id, "date": str(task.date), "text": task.text}} for task in tasks]
    return json.dumps(found, ensure_ascii=False, indent=1).encode()


def read_label_studio(body: bytes) -> Contents:
    """Label Studio's JSON export: a row an annotation; those that were cancelled are counted.

    Raises:
        BadPlace: if it is another thing.
    """
    try:
        found = json.loads(body.decode("utf-8-sig"))
    except ValueError as error:  # no JSON, or no UTF-8
        raise BadPlace(f"line {getattr(error, 'lineno', 1)}: it is no JSON ({error})") from None
    if not isinstance(found, list):
        raise BadPlace("task 1: it is no list of tasks")
    rows, cancelled_count = list[Given](), 0
    for number, task in enumerate(found, start=1):
        for row in _annotations(task, f"task {number}"):
            if row is None:
                cancelled_count += 1
            else:
                rows.append(row)
    return Contents(tuple(rows), cancelled_count)


def _annotations(task: Any, place: str) -> Iterator[Given | None]:
    """A row for each annotation of a task, None for a cancelled one."""
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        raise BadPlace(f"{place}: it has no data; export the project as JSON, not as JSON-MIN")
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list):
        raise BadPlace(f"{place}: its annotations are no list")
    for number, annotation in enumerate(annotations, start=1):
        here = place if len(annotations) == 1 else f"{place}, annotation {number}"
        if not isinstance(annotation, dict):
            raise BadPlace(f"{here}: it is no annotation")
        if annotation.get("was_cancelled"):
            yield None
            continue
        yield Given(here, _values(task["data"], annotation, here))


def _values(data: Mapping[str, Any], annotation: Mapping[str, Any], place: str) -> dict[str, Any]:
    chosen = _chosen(annotation.get("result") or [], place)
    return {
        "date": data.get("date"),
        "comment_id": data.get("comment_id"),
        "labeler": _who(annotation.get("completed_by")),
        "violation": chosen.get(VIOLATION),
        # Chosen before the rater changed his mind, and hidden from him since.
        "category": None if chosen.get(VIOLATION) == "false" else chosen.get(CATEGORY),
        # A rater who changes an annotation changes its label.
        "labeled_at": annotation.get("updated_at") or annotation.get("created_at"),
        "source": data.get("source"),
    }


def _chosen(result: Any, place: str) -> dict[str, str]:
    """What was chosen with each control."""
    chosen = dict[str, str]()
    for region in result if isinstance(result, list) else []:
        if not isinstance(region, dict) or region.get("from_name") not in (VIOLATION, CATEGORY):
            continue
        name = str(region["from_name"])
        value = region.get("value")
        choices = value.get("choices") if isinstance(value, dict) else None
        if not isinstance(choices, list) or len(choices) != 1 or name in chosen:
            raise BadPlace(f"{place}: {name} is not one choice")
        chosen[name] = str(choices[0])
    return chosen


def _who(completed_by: Any) -> str | None:
    """The rater: by his address or name where Label Studio tells it, else by his number there."""
    if isinstance(completed_by, dict):
        told = (completed_by.get(name) for name in ("email", "username", "id"))
        return next((str(value) for value in told if value not in (None, "")), None)
    return None if completed_by is None else str(completed_by)

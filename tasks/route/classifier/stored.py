"""Versions of the classifier in state/classifier: never overwritten, and used only if their hash is right."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import NamedTuple

from pydantic import ValidationError

from data_contracts.documents.evaluation.classifier import ClassifierVersion
from tasks.adapters.storage import Storage
from tasks.base.paths import classifier_arrays, classifier_version, classifiers
from tasks.base.settings import Settings
from tasks.route.classifier.model import Arrays, BrokenArrays

#: Versions that are kept; what was learnt from a comment that was erased since goes with the oldest of them.
KEPT_VERSIONS = 4
_NAME = re.compile(r"v([1-9][0-9]*)\.json")


class Classifier(NamedTuple):
    """A version with its arrays."""

    version: ClassifierVersion
    arrays: Arrays


def newest_version(storage: Storage, settings: Settings) -> ClassifierVersion | None:
    """The newest version; None without one.

    Raises:
        BrokenArrays: if its document cannot be read.
    """
    numbers = _numbers(storage, settings)
    if not numbers:
        return None
    uri = classifier_version(settings, max(numbers))
    try:
        return ClassifierVersion.model_validate_json(storage.get(uri) or b"")
    except ValidationError:
        raise BrokenArrays(f"{uri} cannot be read") from None


def load_arrays(storage: Storage, settings: Settings, version: ClassifierVersion) -> Arrays:
    """The arrays of a version.

    Raises:
        BrokenArrays: if they are gone, are not those that were trained, or cannot be read.
    """
    uri = classifier_arrays(settings, version.arrays_sha256)
    body = storage.get(uri)
    if body is None or hashlib.sha256(body).hexdigest() != version.arrays_sha256:
        raise BrokenArrays(f"{uri} is {'gone' if body is None else 'not what was trained: its hash is another'}")
    return Arrays.from_bytes(body)


def store(storage: Storage, settings: Settings, arrays: Arrays, found: ClassifierVersion) -> ClassifierVersion:
    """Keep the next version: the arrays first, then its document, whose number nobody else can have taken.

    Of versions before, the newest few stay.
    """
    storage.put_if_absent(classifier_arrays(settings, found.arrays_sha256), arrays.to_bytes())
    while True:
        numbers = _numbers(storage, settings)
        number = max(numbers, default=0) + 1
        version = found.model_copy(update={"version": number})
        if storage.put_if_absent(classifier_version(settings, number), version.model_dump_json(indent=1).encode()):
            break
    _forget(storage, settings, sorted([*numbers, number])[:-KEPT_VERSIONS])
    return version


def _forget(storage: Storage, settings: Settings, numbers: list[int]) -> None:
    """Delete old versions, and such of their arrays as no newer version has."""
    gone = _arrays_of(storage, settings, numbers)
    storage.delete(classifier_version(settings, number) for number in numbers)
    storage.delete(sorted(gone - _arrays_of(storage, settings, _numbers(storage, settings))) if gone else ())


def _arrays_of(storage: Storage, settings: Settings, numbers: list[int]) -> set[str]:
    found = set[str]()
    for number in numbers:
        with suppress(ValidationError):
            body = storage.get(classifier_version(settings, number)) or b""
            found.add(classifier_arrays(settings, ClassifierVersion.model_validate_json(body).arrays_sha256))
    return found


def _numbers(storage: Storage, settings: Settings) -> list[int]:
    names = (item.uri.rpartition("/")[2] for item in storage.list(classifiers(settings)))
    return [int(found[1]) for name in names if (found := _NAME.fullmatch(name))]

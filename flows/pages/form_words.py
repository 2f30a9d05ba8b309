"""What deployments and forms of the Prefect UI say, in the language of the setting LANGUAGE.

English stands where it is made: in prefect.yaml, in the flows' docstrings, in `flows.approval`. Japanese stands in
japanese.toml beside this file.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from prefect.input import RunInput
from pydantic import create_model
from pydantic.fields import FieldInfo

from tasks.base.settings import Language

FILE = Path(__file__).parent / "japanese.toml"

Form = TypeVar("Form", bound=RunInput)


class FieldWords(NamedTuple):
    """What a field of a form is called and what it means."""

    title: str
    description: str


class FormWords(NamedTuple):
    """A deployment or a question.

    Attributes:
        description: in Markdown.
        fields: by the parameter's name.
    """

    description: str
    fields: dict[str, FieldWords]


@cache
def japanese() -> dict[str, FormWords]:
    """All that there is in Japanese, by the deployment's or the question's name."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: FormWords(
            form["description"].strip(), {field: FieldWords(**words) for field, words in form["fields"].items()}
        )
        for name, form in read.items()
    }


def worded_project(project: dict[str, Any], language: Language) -> dict[str, Any]:
    """The project (prefect.yaml) with its deployments' descriptions in a language."""
    if language == "en":
        return project
    worded = [
        deployment | {"description": japanese()[deployment["name"]].description}
        for deployment in project["deployments"]
    ]
    return project | {"deployments": worded}


def worded_schema(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A deployment's form with the titles and descriptions of its fields in Japanese; what it takes stays the same."""
    fields = japanese()[name].fields
    properties = {field: shape | fields[field]._asdict() for field, shape in schema["properties"].items()}
    return schema | {"properties": properties}


def worded_form(form: type[Form], name: str, language: Language, **defaults: Any) -> type[Form]:
    """A question's form with its fields in a language, and with defaults of this one time.

    A field's type and limits stay. The form is a class of its own each time, so that its question is its own.
    """
    words = {} if language == "en" else japanese()[name].fields
    given: dict[str, Any] = {}
    for field, info in form.model_fields.items():
        said = words[field]._asdict() if words else {}
        default = {"default": defaults[field]} if field in defaults else {}
        given[field] = (info.annotation, FieldInfo.merge_field_infos(info, **said, **default))
    return create_model(form.__name__, __base__=form, **given)


def asked_within(name: str, question: str, hours: float, language: Language) -> str:
    """A question, and how long it waits for its answer."""
    if language == "en":
        return f"{question}\n\nAnswer within {hours:g} hours."
    return japanese()[name].description.format(question=question, hours=hours)

"""What a model's output says about the comments of a pack: each part is read as one answer.

A part that is missing or broken is that comment's own fault alone. A refused or cut pack says nothing of any comment,
and is no comment's refusal either: its comments are asked again, each by itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from data_contracts.batch_lines import OutputLine, slot_names
from data_contracts.tables.verdicts import Status
from tasks.llm.answer import MalformedAnswer, Outcome, Verdict, one_object, read_line, read_verdict
from tasks.llm.families.base import Family


class PackAnswer(NamedTuple):
    """What an output says.

    Attributes:
        outcome: of the pack as a whole: judged if each place has a verdict, and what it used.
        parts: of each place, in order: a verdict, or what is wrong in words; none where there was no object.
        sizes: characters of each part as it was written: by them the cost of the answer is shared.
    """

    outcome: Outcome
    parts: tuple[Verdict | str, ...] = ()
    sizes: tuple[int, ...] = ()


def read_pack_line(line: OutputLine, family: Family, categories: tuple[str, ...], size: int) -> PackAnswer:
    """What a line says, `error` included, as `tasks.llm.answer.read_line` reads one of a single comment."""
    texts: list[str] = []

    def keep(text: str) -> None:
        texts.append(text)

    outcome = read_line(line, family, categories, keep)
    if not texts:
        return PackAnswer(outcome)
    try:
        said = one_object(texts[0])
    except MalformedAnswer as error:
        return PackAnswer(outcome._replace(status=Status.MALFORMED, status_detail=str(error)))
    parts = tuple(_part(said.get(slot), slot, categories) for slot in slot_names(size))
    broken = [part for part in parts if isinstance(part, str)]
    sizes = tuple(len(str(said.get(slot, ""))) for slot in slot_names(size))
    if broken:
        detail = f"{len(broken)} of {size} comments without an answer: {broken[0]}"
        return PackAnswer(outcome._replace(status=Status.MALFORMED, status_detail=detail), parts, sizes)
    return PackAnswer(outcome, parts, sizes)


def _part(said: Any, slot: str, categories: tuple[str, ...]) -> Verdict | str:
    if said is None:
        return f"{slot}: not in the answer"
    try:
        return read_verdict(said, categories)
    except MalformedAnswer as error:
        return f"{slot}: {error}"

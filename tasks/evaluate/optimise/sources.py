"""Where candidates come from: the port, and the sources that ask nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import prompts
from prompts import Prompt, PromptFileError
from tasks.base.errors import WrongUsage
from tasks.evaluate.optimise.guideline import Cut, GuidelineUnfit, cuts, read_guideline


class Mistake(NamedTuple):
    """A text of the training split that the present prompt judges wrongly; `answered` is null without a verdict."""

    text: str
    category: str
    answered: str | None


class Tried(NamedTuple):
    """A proposal that was looked at.

    Attributes:
        guideline: empty where it copied from the set.
        came_of_it: in words, without a text of the set.
        is_gain: it was better on dev, its price included, than what was the best then.
    """

    source: str
    guideline: str
    note: str
    came_of_it: str
    is_gain: bool = False


class Lesson(NamedTuple):
    """What a source may learn from.

    Attributes:
        round: from 1.
        prompt: the best so far.
        guideline: of it.
        mistakes: some of those that it makes on the training split; never of another split.
        tried: all proposals so far, the oldest first.
    """

    round: int
    prompt: Prompt
    guideline: str
    mistakes: tuple[Mistake, ...]
    tried: tuple[Tried, ...]


class Proposal(NamedTuple):
    """A guideline that might be better, or cheaper.

    Attributes:
        note: why, in words.
        fault: why it is none, where the source has seen that itself.
    """

    guideline: str
    note: str
    fault: str = ""


class Source(Protocol):
    """Somebody who proposes guidelines; all are equal before what the labels say."""

    @property
    def name(self) -> str: ...

    def propose(self, lesson: Lesson) -> Sequence[Proposal]:
        """Some guidelines to try; nothing where it has no more.

        Raises:
            OverBudget: if asking for them would cost more than is left; nothing was asked.
        """
        ...


@dataclass(frozen=True)
class Shortening:
    """Drops a line, an exception or an example: what costs nothing to lose need not be paid for on every comment.

    Attributes:
        width: proposals a round.
    """

    width: int = 4
    name: str = "shorten"

    def propose(self, lesson: Lesson) -> Sequence[Proposal]:
        """See Source; the cuts that save most come first, each part once, whatever the guideline has become.

        Of several that cost nothing one alone becomes the best: the next round has a guideline without all of them.
        """
        own = [tried for tried in lesson.tried if tried.source == self.name]
        seen, gains = {tried.note for tried in own}, {tried.note for tried in own if tried.is_gain}
        together, dropped = lesson.guideline, list[str]()
        while cut := next((cut for cut in self._cuts(together, lesson) if _note(cut) in gains), None):
            together, dropped = cut.guideline, [*dropped, cut.what]
        proposals = [Proposal(together, f"without {', '.join(dropped)}")] if dropped else []
        single = [cut for cut in self._cuts(lesson.guideline, lesson) if _note(cut) not in seen]
        proposals += [Proposal(cut.guideline, _note(cut)) for cut in single]
        known = {tried.guideline for tried in lesson.tried}
        return [each for each in proposals if each.guideline not in known][: self.width]

    def _cuts(self, guideline: str, lesson: Lesson) -> list[Cut]:
        return cuts(guideline, lesson.prompt.categories)


def _note(cut: Cut) -> str:
    return f"without {cut.what}"


@dataclass(frozen=True)
class PersonsFile:
    """A guideline that a person wrote: a text, or a prompt's whole file, of which the guideline alone may differ."""

    path: Path
    name: str = "file"

    def propose(self, lesson: Lesson) -> Sequence[Proposal]:
        """See Source; once, in the first round.

        Raises:
            WrongUsage: if the file cannot be read.
        """
        if lesson.round > 1:
            return ()
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUsage(f"{self.path}: {error}") from None
        if not text.startswith("---\n"):
            return [Proposal(text.strip(), f"of {self.path.name}")]
        try:
            written = prompts.parse_any(text, str(self.path))
            guideline = read_guideline(written)
        except (PromptFileError, GuidelineUnfit) as error:
            raise WrongUsage(f"{self.path}: {error}") from None
        fault = "" if _frozen(written) == _frozen(lesson.prompt) else "it changes more than the guideline"
        return [Proposal(guideline, f"of {self.path.name}", fault)]


def _frozen(prompt: Prompt) -> Prompt:
    """All of a prompt that no candidate may change."""
    start, end = prompt.system.index("<guideline>"), prompt.system.index("</guideline>")
    changes = {"system": prompt.system[:start] + prompt.system[end:], "version": "v1", "notes": ""}
    return prompt.model_copy(update=changes)

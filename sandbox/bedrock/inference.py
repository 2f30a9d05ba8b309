"""The stand-in model at work: from request bodies to response bodies, many at a time.

A request is read by its family, the comment in it is judged by the stand-in model (one call for the whole chunk), and
the answer is written as that family would: pure JSON under structured output, now and then in a Markdown fence without
it, cut off where ``max_tokens`` ends. Records of a batch and on-demand calls take the same road.
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import orjson

from sandbox.bedrock import families
from sandbox.bedrock.catalog import Model
from sandbox.bedrock.families.base import BadBody, Prompt, Reply, Stop
from sandbox.bedrock.families.schemas import fit
from sandbox.bedrock.tokens import count_tokens, cut_to_tokens

# One answer in this many comes in a fence when nothing holds the model to a schema; which ones, the comment decides.
_FENCE_ONE_IN = 10
#: The place of a comment that is asked about by itself.
_ALONE = ""
_MALFORMED = "Malformed input request, please reformat your input and try again."
_NO_COMMENT = "I could not find a comment to review in this message. Please send me one."
_PROSE = "Looking at this comment, I would say that it is a matter of judgement, so I cannot give a clear answer."
_PREFIX = "Here is my assessment of the comment:\n\n"
_REASONING = "The comment is checked against each category of the guideline in turn, then the best fit is named."


class Judgement(Protocol):
    """The stand-in model's opinion of one text."""

    @property
    def violation(self) -> bool: ...
    @property
    def category(self) -> str: ...
    @property
    def confidence(self) -> float: ...
    @property
    def explanation(self) -> str: ...


class Mind(Protocol):
    """What thinks behind the sandbox's models."""

    def read_comment(self, prompt_text: str) -> str | None:
        """The comment that a prompt asks about, or None."""

    def judge(self, texts: Sequence[str]) -> Sequence[Judgement]:
        """One judgement a text, in order."""

    def answer(self, judgement: Judgement) -> str:
        """The judgement as the JSON text of an answer."""


@runtime_checkable
class Packed(Protocol):
    """A mind that reads several comments at once."""

    def read_pack(self, prompt_text: str) -> Mapping[str, str]:
        """The comments that a prompt asks about by their places; none if it asks about one."""

    def beside_others(self, judgement: Judgement, comment: str, place: int, size: int) -> Judgement:
        """The judgement of a comment as it is among others."""


@runtime_checkable
class Reading(Protocol):
    """A mind that reads the guideline as well."""

    def under_guideline(self, judgement: Judgement, prompt_text: str) -> Judgement:
        """The judgement as this prompt's guideline has it."""


@runtime_checkable
class Varied(Protocol):
    """A mind that answers otherwise in each model's place."""

    def as_model(self, judgement: Judgement, model_id: str) -> Judgement:
        """The judgement as this model has it."""


@runtime_checkable
class Replying(Protocol):
    """A mind that can be asked about other things than a comment."""

    def reply(self, prompt_text: str) -> str | None:
        """The text of its answer to a prompt without a comment; None where it has none."""


@runtime_checkable
class Rewriting(Protocol):
    """A mind that rewrites prompts in its own way."""

    def rewrite(self, text: str) -> str:
        """The prompt, rewritten."""


class TrainedMind:
    """The sandbox's own stand-in model, trained or read from its cache on the first record."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        self._cache_dir = cache_dir
        self._lock = threading.Lock()
        self._model: Any = None

    def read_comment(self, prompt_text: str) -> str | None:
        """The text within the prompt's last ``<comment>`` element."""
        from sandbox import stand_in_model

        return stand_in_model.read_comment(prompt_text)

    def judge(self, texts: Sequence[str]) -> Sequence[Judgement]:
        """The classifier's judgements."""
        from sandbox import stand_in_model

        with self._lock:
            if self._model is None:
                try:
                    self._model = stand_in_model.StandInModel.load(self._cache_dir)
                except OSError:  # the cache cannot be written: it only saves a second
                    self._model = stand_in_model.StandInModel.load(None)
        judgements: Sequence[Judgement] = self._model.judge(texts)
        return judgements

    def read_pack(self, prompt_text: str) -> Mapping[str, str]:
        """See Packed."""
        from sandbox.readings import packed_reading

        return packed_reading.read_pack(prompt_text)

    def beside_others(self, judgement: Judgement, comment: str, place: int, size: int) -> Judgement:
        """See Packed."""
        from sandbox.readings import packed_reading

        return packed_reading.beside_others(_own(judgement), comment, place, size)

    def under_guideline(self, judgement: Judgement, prompt_text: str) -> Judgement:
        """See Reading."""
        from sandbox import guideline_reading

        return guideline_reading.under_guideline(_own(judgement), guideline_reading.read_guideline(prompt_text))

    def as_model(self, judgement: Judgement, model_id: str) -> Judgement:
        """See Varied."""
        from sandbox import other_models

        return other_models.as_model(_own(judgement), model_id)

    def reply(self, prompt_text: str) -> str | None:
        """See Replying."""
        from sandbox.stand_ins import explanation_judge, reflectors, variant_writer

        return (
            reflectors.reflect(prompt_text, "helps")
            or explanation_judge.judge(prompt_text)
            or variant_writer.write(prompt_text)
        )

    def answer(self, judgement: Judgement) -> str:
        """The judgement as JSON."""
        from sandbox import stand_in_model

        return stand_in_model.answer(_own(judgement))


def _own(judgement: Judgement) -> Any:
    """The judgement as the classifier's own."""
    from sandbox import stand_in_model

    return stand_in_model.Judgement(
        judgement.violation, judgement.category, judgement.confidence, judgement.explanation
    )


class Request(NamedTuple):
    """One body to be answered."""

    body: Any
    key: bytes  # what makes ids and chances: the same request, the same answer
    fault: str | None = None


class Answer(NamedTuple):
    """A response body and its price in tokens."""

    body: dict[str, Any]
    input_tokens: int
    output_tokens: int


class Refused(NamedTuple):
    """The body was not accepted."""

    message: str


class Inference:
    """Answers requests for one mind."""

    def __init__(self, mind: Mind) -> None:
        self._mind = mind

    def answer(
        self, requests: Sequence[Request], model: Model, *, converse: bool = False, batch: bool = False
    ) -> list[Answer | Refused]:
        """The outcome of every request, in order.

        Args:
            converse: bodies are Converse's; those of a batch are plain JSON and are validated here.
        """
        family = families.CONVERSE if converse else families.INVOKE[model.family]
        prompts = [_read(family, request.body, model, converse and batch) for request in requests]
        found = [self._comments(prompt) if isinstance(prompt, Prompt) else {} for prompt in prompts]
        comments = [text for texts in found for text in texts.values()]
        judgements = iter(self._mind.judge(comments) if comments else ())
        outcomes: list[Answer | Refused] = []
        for request, prompt, asked in zip(requests, prompts, found, strict=True):
            if isinstance(prompt, Refused):
                outcomes.append(prompt)
                continue
            said = [next(judgements) for _ in asked]
            text = self._say_all(said, asked, prompt, model) if asked else self._reply(prompt)
            reply = _reply(prompt, text, request, fence=bool(asked) and _wants_fence(next(iter(asked.values()))))
            outcomes.append(Answer(family.write(reply, model), reply.input_tokens, reply.output_tokens))
        return outcomes

    def rewrite(self, text: str) -> str:
        """A prompt as Bedrock's OptimizePrompt would write it; without a mind for that, with a heading of its taste."""
        return self._mind.rewrite(text) if isinstance(self._mind, Rewriting) else f"## Instructions\n{text}"

    def reply_to(self, text: str) -> str | None:
        """What the mind says to a text without a comment; None where it has nothing to say."""
        return self._mind.reply(text) if isinstance(self._mind, Replying) else None

    def _reply(self, prompt: Prompt) -> str:
        said = self.reply_to(f"{prompt.system}\n{prompt.text}")
        return _NO_COMMENT if said is None else said

    def _comments(self, prompt: Prompt) -> Mapping[str, str]:
        """The comments of a prompt by their places; a comment that is asked about alone stands in none."""
        packed = self._mind.read_pack(prompt.text) if isinstance(self._mind, Packed) else {}
        if packed:
            return packed
        comment = self._mind.read_comment(prompt.text)
        return {} if comment is None else {_ALONE: comment}

    def _say_all(self, judgements: Sequence[Judgement], asked: Mapping[str, str], prompt: Prompt, model: Model) -> str:
        if _ALONE in asked or not isinstance(self._mind, Packed):
            return self._say(judgements[0], prompt, model)
        parts = []
        for place, (judgement, (slot, comment)) in enumerate(zip(judgements, asked.items(), strict=True)):
            among = self._mind.beside_others(judgement, comment, place, len(asked))
            parts.append(f'"{slot}": {self._say(among, prompt, model)}')
        return "{" + ", ".join(parts) + "}"

    def _say(self, judgement: Judgement, prompt: Prompt, model: Model) -> str:
        if isinstance(self._mind, Varied):
            judgement = self._mind.as_model(judgement, model.model_id)
        if isinstance(self._mind, Reading):
            judgement = self._mind.under_guideline(judgement, f"{prompt.system}\n{prompt.text}")
        return self._mind.answer(judgement)


def input_tokens(body: Any, model: Model, *, converse: bool) -> int:
    """The tokens that a request would be charged for.

    Raises:
        BadBody: when the model would refuse the body.
    """
    family = families.CONVERSE if converse else families.INVOKE[model.family]
    if not isinstance(body, dict):
        raise BadBody(_MALFORMED)
    return family.read(body, model).input_tokens


def _read(family: families.Family, body: Any, model: Model, raw_converse: bool) -> Prompt | Refused:
    try:
        if not isinstance(body, dict):
            return Refused(_MALFORMED)
        return family.read(families.converse.read_json(body) if raw_converse else body, model)
    except BadBody as error:
        return Refused(str(error))


def _reply(prompt: Prompt, text: str, request: Request, *, fence: bool) -> Reply:
    """What the model says to a prompt, faults included."""
    key = hashlib.blake2b(request.key, digest_size=16).hexdigest()
    if request.fault == "refusals":
        return Reply("", "refusal", prompt.input_tokens, 1, key)
    text = _styled(prompt, text, request.fault, key, fence=fence)
    reasoning = _REASONING if prompt.reasons else ""
    text, stop, sequence = _stopped(prompt, text, reserved=count_tokens(reasoning))
    if request.fault == "truncated" and stop == "end":
        text, stop = text[: len(text) // 2], "max_tokens"
    if stop == "max_tokens" and not text:
        reasoning = cut_to_tokens(reasoning, prompt.max_tokens)
    spent = count_tokens(reasoning) + count_tokens(text)
    return Reply(text, stop, prompt.input_tokens, max(1, spent), key, reasoning, sequence)


def _styled(prompt: Prompt, text: str, fault: str | None, key: str, *, fence: bool) -> str:
    if fault == "non_json":
        return _PROSE
    if not text.startswith("{"):
        return text if prompt.schema is None else orjson.dumps(fit({}, prompt.schema)).decode()
    if prompt.schema is not None:
        text = orjson.dumps(fit(orjson.loads(text), prompt.schema)).decode()
    if fault == "off_contract":
        text = _off_contract(text, int(key[:2], 16))
    if fault == "prefixed":
        return _PREFIX + text
    if prompt.prefill:
        # The answer goes on where the prefill ends: a fence that is open already, or the object's first brace.
        start = prompt.prefill.rstrip()
        return text[1:] if start.endswith("{") else f"\n{text}\n```" if "```" in start else text
    if fault == "fenced" or (fence and prompt.schema is None):
        return f"```json\n{text}\n```"
    return text


def _off_contract(text: str, kind: int) -> str:
    answer = orjson.loads(text)
    changes: tuple[dict[str, Any], ...] = (
        {"confidence": 1.7},
        {"violation": str(answer.get("violation", False)).lower()},
        {"violation": not answer.get("violation", False)},
        {"category": "something_else"},
        {"confidence": None},
    )
    change = changes[kind % len(changes)]
    first = next(iter(answer), "")
    if isinstance(answer.get(first), dict):  # a pack, of which one part is spoilt
        return orjson.dumps({**answer, first: {**answer[first], **change}}).decode()
    return orjson.dumps({**answer, **change}).decode()


def _stopped(prompt: Prompt, text: str, *, reserved: int) -> tuple[str, Stop, str | None]:
    """The text up to its first stop sequence or its last affordable token, and why it ends there."""
    places = [(text.find(stop), stop) for stop in prompt.stop_sequences if stop and stop in text]
    stop: Stop = "end"
    sequence = None
    if places:
        place, sequence = min(places)
        text, stop = text[:place], "stop_sequence"
    budget = prompt.max_tokens - reserved
    if count_tokens(text) > budget:
        return cut_to_tokens(text, max(0, budget)), "max_tokens", None
    return text, stop, sequence


def _wants_fence(comment: str) -> bool:
    digest = hashlib.blake2b(comment.encode("utf-8", "surrogatepass"), digest_size=2).digest()
    return int.from_bytes(digest, "big") % _FENCE_ONE_IN == 0

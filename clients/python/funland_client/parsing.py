"""Reads answers that are JSON as pydantic models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from funland.v1.inference_pb2 import ChatResponse, Finish, GenerateResponse
from funland.v1.responses_pb2 import Response
from funland.v1.sessions_pb2 import SendMessageResponse
from funland_client.errors import AnswerCutOffError, AnswerInvalidError
from funland_client.formats import Format

Read = TypeVar("Read", bound=BaseModel)
AnyAnswer = ChatResponse | GenerateResponse | Response | SendMessageResponse
Answer = TypeVar("Answer", ChatResponse, GenerateResponse, Response, SendMessageResponse)


@dataclass(frozen=True, slots=True)
class Parsed(Generic[Answer, Read]):
    """An answer whose text is JSON of the class `kind`; all else of it is in `response`."""

    response: Answer
    kind: type[Read]

    @property
    def parsed(self) -> Read:
        """The answer. Raises AnswerCutOffError or AnswerInvalidError if it can't be read."""
        return parse(self.response, self.kind)

    @property
    def all_parsed(self) -> list[Read]:
        """All `n` answers, the first included; raises as `parsed`."""
        return [read(text, reason, self.kind) for text, reason in _texts(self.response)]


def parse(answer: AnyAnswer, kind: type[Read]) -> Read:
    """Reads an answer's first text as a model.

    Raises:
        AnswerCutOffError: `max_tokens` or the context ended the text.
        AnswerInvalidError: The text is not what the class asks for.
    """
    text, reason = next(_texts(answer))
    return read(text, reason, kind)


def with_kind(answer: Answer, wanted: Format | None) -> Answer | Parsed[Answer, Any]:
    """The answer as its caller gets it: to be read as a class, if the format is one."""
    return Parsed(answer, wanted) if isinstance(wanted, type) else answer


def _texts(answer: AnyAnswer) -> Iterator[tuple[str, Finish.Reason.ValueType]]:
    if isinstance(answer, Response):
        yield answer.output.content, answer.finish_reason
    elif isinstance(answer, SendMessageResponse):
        yield answer.answer.message.content, answer.answer.finish_reason
    elif isinstance(answer, GenerateResponse):
        yield answer.text, answer.finish_reason
        yield from ((other.text, other.finish_reason) for other in answer.alternatives)
    else:
        yield answer.message.content, answer.finish_reason
        yield from ((other.message.content, other.finish_reason) for other in answer.alternatives)


def read(text: str, reason: Finish.Reason.ValueType, kind: type[Read]) -> Read:
    """Reads a text that ended for a reason; raises as `parse`."""
    if reason == Finish.LENGTH:
        raise AnswerCutOffError(
            f"The answer was cut off before its {kind.__name__} was complete: raise max_tokens, "
            "or load the model with a longer context.",
            text,
        )
    if reason == Finish.TOOL_CALLS:
        raise AnswerInvalidError("The model calls functions and has not answered yet.", text)
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise AnswerInvalidError(f"The answer is no {kind.__name__}: {error}", text) from error

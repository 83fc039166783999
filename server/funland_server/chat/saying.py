"""Which messages a call makes, and where they hang."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import SendMessageRequest, SessionMessage, ToolResult
from funland_server.chat.errors import MessageNotFoundError
from funland_server.errors import FieldInvalidError, Violation

_MOST_BYTES: Final = 4 * 1024**2
"""What the pictures and sounds of a message may have that are kept with it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a call adds to a session. The answer follows the last of the messages."""

    parent: str
    """The message that the first of them follows, or the answer if there are none."""
    messages: tuple[Message, ...]


def check(request: SendMessageRequest) -> None:
    """Whether a call can be met at all; raises FieldInvalidError."""
    if violations := list(_contradictions(request)):
        raise FieldInvalidError(violations)


def named(request: SendMessageRequest, head: str) -> list[str]:
    """The ids of the messages that a call begins at: one, or none at the beginning."""
    one = (
        request.regenerate_message_id or request.edit_message_id or request.after_message_id or head
    )
    return [one] if one else []


def said(request: SendMessageRequest, head: str, known: Mapping[str, SessionMessage]) -> Said:
    """What a call adds.

    Args:
        request: The call, which has passed `check`.
        head: The last message of the branch that goes on; empty: there is none.
        known: The messages of the session that the call names, and their parents.

    Raises:
        MessageNotFoundError: The session has no message of that id.
        FieldInvalidError: It is another kind of message than the call needs.
    """

    def find(message_id: str) -> SessionMessage:
        if (found := known.get(message_id)) is None:
            raise MessageNotFoundError(request.session_id, message_id)
        return found

    if request.regenerate_message_id:
        answer = find(request.regenerate_message_id)
        if answer.message.role != Message.ASSISTANT:
            raise _invalid("regenerate_message_id", "must be an answer of the model")
        return Said(answer.parent_message_id, ())
    if request.edit_message_id:
        edited = find(request.edit_message_id)
        if edited.message.role == Message.ASSISTANT:
            raise _invalid(
                "edit_message_id", "must not be the model's: have it written again instead"
            )
        parent = edited.parent_message_id
    else:
        parent = request.after_message_id or head
        if parent:
            find(parent)
    if request.tool_results:
        _check_results(request.tool_results, known.get(parent))
        return Said(parent, tuple(_result(one) for one in request.tool_results))
    message = Message(
        role=Message.USER, content=request.content, parts=request.parts, name=request.name
    )
    return Said(parent, (message,))


def _contradictions(request: SendMessageRequest) -> Iterator[Violation]:
    given = [
        name
        for name in ("content", "parts", "tool_results", "regenerate_message_id")
        if getattr(request, name)
    ]
    if len(given) != 1:
        what = "must be given, or parts, tool_results or regenerate_message_id"
        yield Violation(
            given[1] if given else "content",
            f"can't be given together with {given[0]}" if given else what,
        )
    if request.regenerate_message_id and request.edit_message_id:
        yield Violation("edit_message_id", "can't be given together with regenerate_message_id")
    if request.after_message_id and (request.regenerate_message_id or request.edit_message_id):
        other = "regenerate_message_id" if request.regenerate_message_id else "edit_message_id"
        yield Violation("after_message_id", f"can't be given together with {other}")
    if request.name and not (request.content or request.parts):
        yield Violation("name", "must be empty without content: it says who speaks")
    held = sum(len(part.image.data) + len(part.audio.data) for part in request.parts)
    if held > _MOST_BYTES:
        what = f"hold {held} bytes; {_MOST_BYTES} are kept here: name larger files by their file_id"
        yield Violation("parts", what)


def _check_results(results: Sequence[ToolResult], answer: SessionMessage | None) -> None:
    """Whether they are the results of the calls of the message that they follow, each once."""
    calls = {call.id for call in answer.message.tool_calls} if answer is not None else set[str]()
    if not calls:
        raise _invalid("tool_results", "must follow an answer that asks for calls")
    for place, result in enumerate(results):
        if result.tool_call_id not in calls:
            what = "must be a call of the answer before, and have one result"
            raise _invalid(f"tool_results[{place}].tool_call_id", what)
        calls.remove(result.tool_call_id)
    if calls:
        raise _invalid("tool_results", f"must have the result of {min(calls)!r} too")


def _result(result: ToolResult) -> Message:
    return Message(
        role=Message.TOOL,
        tool_call_id=result.tool_call_id,
        name=result.name,
        content=result.content,
    )


def _invalid(field: str, description: str) -> FieldInvalidError:
    return FieldInvalidError([Violation(field, description)])

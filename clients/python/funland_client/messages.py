"""Conversations, as Python's own values and as the contract's messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from funland.v1.inference_pb2 import Message, ToolCall
from funland_client.fields import filled
from funland_client.shown import Said, parts


class FunctionCall(TypedDict):
    """A call that the model asked for; `arguments` is a JSON object, or its text."""

    id: str
    name: str
    arguments: str | Mapping[str, Any]


class ChatMessage(TypedDict):
    """One message of a conversation.

    The assistant's may have `tool_calls` and `reasoning`; a tool's has the `tool_call_id` of the
    call whose result it is. A user's or a tool's `content` may be a list of texts and of what
    `image` and `audio` give.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: Said
    tool_calls: NotRequired[Sequence[FunctionCall | ToolCall]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]
    reasoning: NotRequired[str]


Conversation = str | Sequence[ChatMessage | Message]
"""What `chat` answers: one message of the user, or the whole conversation, oldest first."""


def messages(conversation: Conversation) -> list[Message]:
    """Makes the contract's messages of a conversation."""
    if isinstance(conversation, str):
        return [Message(role=Message.USER, content=conversation)]
    return [_message(index, message) for index, message in enumerate(conversation)]


def _message(index: int, message: ChatMessage | Message) -> Message:
    if isinstance(message, Message):
        return message
    values: dict[str, Any] = {**message}
    if "tool_calls" in values:
        values["tool_calls"] = list(_calls(values["tool_calls"]))
    if not isinstance(said := values.get("content", ""), str):
        del values["content"]
        values["parts"] = parts(said)
    return filled(Message, f"messages[{index}]", values)


def _calls(calls: Iterable[FunctionCall | ToolCall]) -> Iterable[ToolCall]:
    for call in calls:
        if isinstance(call, ToolCall):
            yield call
            continue
        arguments = call["arguments"]
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        yield ToolCall(id=call["id"], name=call["name"], arguments=text)

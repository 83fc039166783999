"""What follows from a message of a model that may ask for calls which the server makes: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from funland.v1.inference_pb2 import ChatRequest, Finish, Message, Tool, ToolCall, ToolChoice

DEFAULT_ROUNDS: Final = 8
"""As `ChatRequest.max_tool_rounds` says."""
_ANY_ARGUMENTS: Final = '{"type": "object", "additionalProperties": true}'


@dataclass(frozen=True, slots=True)
class MakeCalls:
    """The server makes calls."""

    calls: tuple[ToolCall, ...]
    handed: tuple[ToolCall, ...] = ()
    """Those of the caller's own tools: if there are any, the chat ends with them, else the model is
    asked again."""


@dataclass(frozen=True, slots=True)
class End:
    """The chat is answered, or the caller's turn has come."""

    reason: Finish.Reason.ValueType
    handed: tuple[ToolCall, ...] = ()
    """All calls that nobody has made."""


Step: TypeAlias = MakeCalls | End


def next_step(
    reason: Finish.Reason.ValueType,
    calls: Sequence[ToolCall],
    is_servers: Callable[[str], bool],
    *,
    rounds_left: int,
    tokens_left: int | None,
) -> Step:
    """What is to be done when the model has ended a message.

    Args:
        reason: Why it ended.
        calls: Those that it asks for.
        is_servers: Whether the server makes the calls of a tool, by the name that the model knows.
        rounds_left: How many more messages may ask for such calls, this one included.
        tokens_left: How many more tokens the chat may have; None: as many as it takes.
    """
    servers = tuple(call for call in calls if is_servers(call.name))
    others = tuple(call for call in calls if not is_servers(call.name))
    if reason == Finish.LENGTH or not servers:
        return End(reason, tuple(calls))
    if tokens_left is not None and tokens_left < 1:
        return End(Finish.LENGTH, tuple(calls))
    if rounds_left < 1:
        return End(Finish.TOOL_CALLS, tuple(calls))
    return MakeCalls(servers, others)


def first_request(request: ChatRequest, tools: Sequence[Tool]) -> ChatRequest:
    """What the model is asked first: the chat, with the tools of the servers."""
    chat = ChatRequest()
    chat.CopyFrom(request)
    chat.ClearField("mcp_servers")
    chat.tools.extend(tools)
    return chat


def loosened(
    chat: ChatRequest, is_servers: Callable[[str], bool], complaint: str
) -> ChatRequest | None:
    """A chat whose model is not held to the schema of a server's tool that no grammar can be made
    of, but told it; None: all are loose already, so something else is to blame.

    Args:
        chat: What failed.
        is_servers: See `next_step`.
        complaint: Why. The tool that it names is the one; if it names none, it may be any.
    """
    held = [
        tool.name
        for tool in chat.tools
        if is_servers(tool.name) and tool.parameters != _ANY_ARGUMENTS
    ]
    if not held:
        return None
    to_blame = [name for name in held if repr(name) in complaint] or held
    loose = ChatRequest()
    loose.CopyFrom(chat)
    for tool in loose.tools:
        if tool.name in to_blame:
            tool.description += f"\nIts arguments, as a JSON Schema: {tool.parameters}"
            tool.parameters = _ANY_ARGUMENTS
    return loose


def asked_again(
    chat: ChatRequest,
    said: Sequence[Message],
    own_tools: Sequence[Tool],
    *,
    model: str,
    rounds_left: int,
    tokens_left: int | None,
) -> ChatRequest:
    """What the model is asked when calls were made.

    Args:
        chat: What it was asked before.
        said: Its message, and the results.
        own_tools: The caller's.
        model: Who answered, if the caller left that open.
        rounds_left: See `next_step`; with none left it is not told of the servers' tools any more.
        tokens_left: See `next_step`.
    """
    again = ChatRequest()
    again.CopyFrom(chat)
    again.model = again.model or model
    if again.continue_last:
        begun = again.messages.pop()
        again.continue_last = False
        said = [_joined(begun, said[0]), *said[1:]]
    again.messages.extend(said)
    if again.tool_choice.mode != ToolChoice.NONE:  # what it had to call, it has called
        again.ClearField("tool_choice")
    again.options.ClearField("prompt_logprobs")
    if rounds_left < 1:
        del again.tools[:]
        again.tools.extend(own_tools)
    if tokens_left is not None:
        again.sampling.max_tokens = tokens_left
    return again


def results(calls: Sequence[ToolCall], texts: Sequence[str]) -> list[Message]:
    """What the model is told of its calls."""
    return [
        Message(role=Message.TOOL, tool_call_id=call.id, name=call.name, content=text)
        for call, text in zip(calls, texts, strict=True)
    ]


def _joined(begun: Message, rest: Message) -> Message:
    """A message that was gone on with."""
    whole = Message()
    whole.CopyFrom(rest)
    whole.content = begun.content + rest.content
    whole.reasoning = begun.reasoning + rest.reasoning
    return whole

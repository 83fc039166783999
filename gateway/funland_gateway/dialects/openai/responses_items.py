"""Messages of the contract as the items of OpenAI's responses."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from funland.v1.inference_pb2 import (
    Message,
    MessagePart,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolStep,
)
from funland.v1.responses_pb2 import Response
from funland_gateway.dialects.openai.callees import Callee, Callees, callee, callees
from funland_gateway.dialects.openai.free_form import free_text
from funland_gateway.dialects.openai.logprobs import chat_logprobs
from funland_gateway.dialects.showing import address, parts_of, sound_kind

Item = dict[str, Any]

_ROLES: Final = {Message.USER: "user", Message.SYSTEM: "system", Message.ASSISTANT: "assistant"}


def message_item(item_id: str, text: str, logprobs: Sequence[TokenLogprob], status: str) -> Item:
    """A text of the model."""
    return {
        "id": item_id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [text_part(text, logprobs)],
    }


def text_part(text: str, logprobs: Sequence[TokenLogprob]) -> Item:
    """The part of a message that holds its text."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": [],
        "logprobs": chat_logprobs(logprobs)["content"],
    }


def reasoning_item(item_id: str, text: str, status: str) -> Item:
    """What the model thought."""
    return {
        "id": item_id,
        "type": "reasoning",
        "status": status,
        "summary": [],
        "content": [{"type": "reasoning_text", "text": text}],
    }


def call_item(item_id: str, call_id: str, known: Callee, text: str, status: str) -> Item:
    """A call that the model asks for; `text` is its arguments, or the text that it takes."""
    return {
        "id": item_id,
        "type": call_kind(known),
        "status": status,
        "call_id": call_id,
        "name": known.name,
        "input" if known.free_form else "arguments": text,
        **({"namespace": known.namespace} if known.namespace else {}),
    }


def call_kind(known: Callee) -> str:
    """The type of a call's item."""
    return "custom_tool_call" if known.free_form else "function_call"


def mcp_item(item_id: str, step: ToolStep) -> Item:
    """A call that the server makes, or has made."""
    failed = step.state == ToolStep.FAILED
    error = {"type": "mcp_tool_execution_error", "content": step.text}
    return {
        "id": item_id,
        "type": "mcp_call",
        "status": _STATUSES.get(step.state, "in_progress"),
        "server_label": step.server,
        "name": step.call.name,
        "arguments": step.call.arguments,
        "output": step.text if step.state == ToolStep.DONE else None,
        "error": error if failed else None,
        "approval_request_id": None,
    }


_STATUSES: Final = {ToolStep.DONE: "completed", ToolStep.FAILED: "failed"}

PREFIXES: Final[Mapping[str, str]] = {
    "reasoning": "rs",
    "message": "msg",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "function_call_output": "fco",
    "custom_tool_call_output": "ctco",
    "mcp_call": "mcp",
}
"""What the ids of items begin with, by their type."""


def item_id(prefix: str, response_id: str, number: int = 0) -> str:
    """An item's id: the same, however often it is asked for."""
    return f"{prefix}_{response_id.removeprefix('resp_')}_{number}"


_WHOLE: Final = (Response.COMPLETED, Response.INCOMPLETE)
_CUT_OFF: Final = (Response.INCOMPLETE, Response.CANCELLED)


def output_items(response: Response) -> list[Item]:
    """The answer as items: what was thought, what was said, what is to be called.

    One that has nothing of these is an empty message; one that failed or goes on has no items.
    """
    if response.state not in (*_WHOLE, *_CUT_OFF):
        return []
    identity, output = response.response_id, response.output
    items: list[Item] = list(_of_steps(response))
    if output.reasoning:
        items.append(reasoning_item("", output.reasoning, "completed"))
    empty = not (output.reasoning or output.tool_calls) and response.state in _WHOLE
    if output.content or empty:
        items.append(message_item("", output.content, response.logprobs, "completed"))
    known = callees(response.request.tools)
    items += [_call(call, known) for call in output.tool_calls]
    if items and items[-1]["type"] != "mcp_call" and response.state in _CUT_OFF:
        items[-1]["status"] = "incomplete"
    numbers = Counter[str]()
    for item in items:
        kind = item["type"]
        item["id"] = item_id(PREFIXES[kind], identity, numbers[kind])
        numbers[kind] += 1
    return items


def _of_steps(response: Response) -> Iterator[Item]:
    """What was thought and said when the server's calls were asked for, and those."""
    steps = {step.call.id: step for step in response.steps}
    for message in response.step_messages:
        if message.role != Message.ASSISTANT:
            continue
        if message.reasoning:
            yield reasoning_item("", message.reasoning, "completed")
        if message.content:
            yield message_item("", message.content, (), "completed")
        for call in message.tool_calls:
            yield mcp_item("", steps[call.id])


def input_items(response_id: str, messages: Sequence[Message], tools: Iterable[Tool]) -> list[Item]:
    """The messages of a request as items, in their order; `tools` are those of the request."""
    known = callees(tools)
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    items: list[Item] = []
    for message in messages:
        if message.role == Message.TOOL:
            called = callee(known, names.get(message.tool_call_id, message.name))
            items.append(_output(message, called))
        else:
            items += _items_of(message, known)
    for number, item in enumerate(items):
        item["id"] = item_id(f"{PREFIXES[item['type']]}_in", response_id, number)
    return items


def _output(message: Message, called: Callee) -> Item:
    return {
        "type": f"{call_kind(called)}_output",
        "status": "completed",
        "call_id": message.tool_call_id,
        "output": [_input_part(part) for part in message.parts] or message.content,
    }


def _items_of(message: Message, known: Callees) -> Iterator[Item]:
    if message.reasoning:
        yield reasoning_item("", message.reasoning, "completed")
    if message.role == Message.ASSISTANT:
        if message.content:
            yield message_item("", message.content, (), "completed")
    else:
        yield {
            "type": "message",
            "status": "completed",
            "role": _ROLES[message.role],
            "content": [_input_part(part) for part in parts_of(message)] or [_NO_TEXT],
        }
    for call in message.tool_calls:
        yield _call(call, known)


def _input_part(part: MessagePart) -> Item:
    """A part of what was said and shown."""
    match part.WhichOneof("part"):
        case "image":
            file_id = part.image.file_id
            told = {"file_id": file_id} if file_id else {"image_url": address(part.image)}
            return {"type": "input_image", "detail": "auto", **told}
        case "audio":
            data = base64.b64encode(part.audio.data).decode()
            return {
                "type": "input_audio",
                "input_audio": {"data": data, "format": sound_kind(part.audio)},
            }
        case _:
            return {"type": "input_text", "text": part.text}


_NO_TEXT: Final[Item] = {"type": "input_text", "text": ""}


def _call(call: ToolCall, known: Callees) -> Item:
    called = callee(known, call.name)
    text = free_text(call.arguments) if called.free_form else call.arguments
    return call_item("", call.id, called, text, "completed")

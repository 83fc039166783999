"""Messages of the contract as the items of OpenAI's responses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from funland.v1.inference_pb2 import Message, TokenLogprob
from funland.v1.responses_pb2 import Response
from funland_gateway.dialects.openai.logprobs import chat_logprobs

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


def call_item(item_id: str, call_id: str, name: str, arguments: str, status: str) -> Item:
    """A call that the model asks for."""
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


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
    items: list[Item] = []
    if output.reasoning:
        items.append(reasoning_item(item_id("rs", identity), output.reasoning, "completed"))
    empty = not (output.reasoning or output.tool_calls) and response.state in _WHOLE
    if output.content or empty:
        tokens = text_logprobs(output.content, response.logprobs)
        items.append(message_item(item_id("msg", identity), output.content, tokens, "completed"))
    items += [
        call_item(item_id("fc", identity, number), call.id, call.name, call.arguments, "completed")
        for number, call in enumerate(output.tool_calls)
    ]
    if items and response.state in _CUT_OFF:
        items[-1]["status"] = "incomplete"
    return items


def input_items(response_id: str, messages: Sequence[Message]) -> list[Item]:
    """The messages of a request as items, in their order."""
    items = [item for message in messages for item in _items_of(message)]
    prefixes = {"message": "msg", "reasoning": "rs", "function_call": "fc"}
    for number, item in enumerate(items):
        item["id"] = item_id(f"{prefixes.get(item['type'], 'fco')}_in", response_id, number)
    return items


def _items_of(message: Message) -> Iterator[Item]:
    if message.role == Message.TOOL:
        yield {
            "type": "function_call_output",
            "status": "completed",
            "call_id": message.tool_call_id,
            "output": message.content,
        }
        return
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
            "content": [{"type": "input_text", "text": message.content}],
        }
    for call in message.tool_calls:
        yield call_item("", call.id, call.name, call.arguments, "completed")


def text_logprobs(text: str, tokens: Sequence[TokenLogprob]) -> Sequence[TokenLogprob]:
    """Those of the tokens that the text was made of: the others are reasoning, calls and marks."""
    content = text.encode()
    begin = b"".join(token.token for token in tokens).rfind(content)
    if begin < 0:
        return tokens
    kept: list[TokenLogprob] = []
    position = 0
    for token in tokens:
        end = position + len(token.token)
        if position < begin + len(content) and end > begin:
            kept.append(token)
        position = end
    return kept

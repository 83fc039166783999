"""`POST /api/chat`: Ollama's chat as `Chat` and `StreamChat`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import orjson

from funland.v1.inference_pb2 import ChatRequest, ChatResponse, GenerationEvent, Message
from funland_gateway.dialects.dialect import Incoming, Reply, Step, Streaming, Unary, json_reply
from funland_gateway.dialects.ollama.generation import (
    Asked,
    blames,
    logprobs,
    read_asked,
    thought,
)
from funland_gateway.dialects.ollama.loading import in_memory, load_or_unload
from funland_gateway.dialects.ollama.messages import (
    Calls,
    message_field_name,
    read_messages,
    told_calls,
)
from funland_gateway.dialects.openai.offers import Offers, log, read_offers, warnings_of
from funland_gateway.dialects.rpcs import CHAT, STREAM_CHAT


def chat(incoming: Incoming) -> Step:
    """Reads a chat request. One without messages loads the model, or unloads it."""
    body = incoming.body
    asked = read_asked(incoming)
    messages = read_messages(body)
    offers = read_offers(body, nested=True)
    whole = body.boolean("truncate") is False
    if not messages:
        said = partial(asked.unasked, {"message": _message()})
        return load_or_unload(asked.head.model, asked.stay, asked.watch, said)
    request = ChatRequest(
        model=asked.model,
        messages=messages,
        sampling=asked.options.sampling.parameters,
        format=asked.format,
        options=asked.run,
        tools=[offer.tool for offer in offers.functions],
        reasoning=asked.thinking.wanted,
        template_arguments=asked.thinking.template_arguments,
        # A beginning of the answer, which templates of Ollama's leave open.
        continue_last=messages[-1].role == Message.ASSISTANT and bool(messages[-1].content),
        drop_oldest=not whole,
    )
    log(offers.warnings)
    then = partial(_call, asked, request, offers)
    return in_memory(asked.head.model, asked.stay, asked.watch, then)


def _call(asked: Asked, request: ChatRequest, offers: Offers) -> Unary | Streaming:
    names = {f"tools[{index}]": offer.path for index, offer in enumerate(offers.functions)}
    told = warnings_of(offers.warnings)

    def field_name(path: str) -> str:
        return asked.field_name(names, message_field_name(path))

    if asked.streams:
        events = _Lines(asked, told)
        return Streaming(STREAM_CHAT, request, events, field_name, blames=blames("messages"))
    answer = partial(_answer, asked, told)
    return Unary(CHAT, request, answer, field_name, blames("messages"))


def _answer(asked: Asked, told: Mapping[str, Any], response: ChatResponse) -> Reply:
    said = response.message
    calls = told_calls(list(said.tool_calls))
    told = {
        **told,
        "message": _message(said.content, said.reasoning, calls),
        **(logprobs(response.logprobs) if asked.wants_logprobs else {}),
    }
    return json_reply(asked.answer(told, response, response.finish_reason))


class _Lines:
    """The lines of one answer."""

    def __init__(self, asked: Asked, told: Mapping[str, Any]) -> None:
        """`told` is what the last has beside its message."""
        self._asked = asked
        self._told = told
        self._calls = Calls()

    def __call__(self, event: GenerationEvent) -> Iterator[bytes]:
        asked = self._asked
        match event.WhichOneof("event"):
            case "start":
                asked.watch.loaded()
            case "delta":
                delta = event.delta
                for piece in delta.tool_calls:
                    self._calls.add(piece)
                told = logprobs(delta.logprobs) if asked.wants_logprobs else {}
                if delta.text or delta.reasoning or told:
                    yield self._line(_message(delta.text, delta.reasoning), told)
            case "finish":
                if calls := self._calls.whole():
                    yield self._line(_message(calls=calls))
                finish = event.finish
                last = {"message": _message(), **self._told}
                yield orjson.dumps(asked.answer(last, finish, finish.reason))
            case _:
                pass

    def _line(self, message: dict[str, Any], told: Mapping[str, Any] | None = None) -> bytes:
        return orjson.dumps(self._asked.head.line({"message": message, **(told or {})}))


def _message(
    content: str = "", reasoning: str = "", calls: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **thought(reasoning)}
    return {**message, "tool_calls": calls} if calls else message

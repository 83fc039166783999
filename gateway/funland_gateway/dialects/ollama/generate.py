"""`POST /api/generate`: a prompt, through the model's chat template or as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import orjson

from funland.v1.inference_pb2 import (
    ChatRequest,
    ChatResponse,
    GenerateRequest,
    GenerateResponse,
    GenerationEvent,
    Message,
    MessagePart,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Step, Streaming, Unary, json_reply
from funland_gateway.dialects.ollama.generation import (
    Asked,
    Thinking,
    blames,
    logprobs,
    read_asked,
    refuse,
    thought,
)
from funland_gateway.dialects.ollama.loading import in_memory, load_or_unload
from funland_gateway.dialects.ollama.messages import read_images, show
from funland_gateway.dialects.reading import JsonObject, invalid
from funland_gateway.dialects.rpcs import CHAT, GENERATE, STREAM_CHAT, STREAM_GENERATE

REFUSED: Final[Mapping[str, str]] = {
    "template": "the model's own template is used: send `raw` with a prompt that is made by yours.",
    "context": "no answer has its tokens: send what was said before to /api/chat.",
    "width": "this route writes text; /v1/images/generations paints.",
    "height": "this route writes text; /v1/images/generations paints.",
    "steps": "this route writes text; /v1/images/generations paints.",
}
"""Fields that are refused unless they are empty, and why."""

_SYSTEM: Final = "system"
_SUFFIX: Final = "suffix"


def generate(incoming: Incoming) -> Step:
    """Reads a request. One without a prompt loads the model, or unloads it."""
    body = incoming.body
    refuse(body, REFUSED)
    asked = read_asked(incoming)
    raw, prompt, system = _prompt(body)
    suffix = body.optional_string(_SUFFIX)
    images = read_images(body)
    if images and raw:
        raise invalid(body.path_of("images"), "can't be given together with raw")
    if suffix and (images or system or asked.thinking.wanted):
        raise invalid(body.path_of(_SUFFIX), "can't be given together with images, system or think")
    if not (prompt or images or suffix):
        said = partial(asked.unasked, {"response": ""})
        return load_or_unload(asked.head.model, asked.stay, asked.watch, said)
    if suffix or raw or not (images or system or asked.thinking != Thinking()):
        then = partial(_generate, asked, prompt, suffix, raw)
    else:
        then = partial(_chat, asked, prompt, system, images)
    return in_memory(asked.head.model, asked.stay, asked.watch, then)


def _prompt(body: JsonObject) -> tuple[bool, str, str]:
    raw = bool(body.boolean("raw"))
    system = body.optional_string(_SYSTEM)
    if raw and system:
        raise invalid(body.path_of(_SYSTEM), "can't be given together with raw")
    return raw, body.optional_string("prompt"), system


def _generate(asked: Asked, prompt: str, suffix: str, raw: bool) -> Unary | Streaming:
    request = GenerateRequest(
        model=asked.model,
        prompt=prompt,
        suffix=suffix,
        sampling=asked.options.sampling.parameters,
        format=asked.format,
        options=asked.run,
        as_message=not (raw or suffix),
    )
    name = partial(asked.field_name, {})
    if asked.streams:
        return Streaming(STREAM_GENERATE, request, _Lines(asked), name, blames=blames("prompt"))

    def answer(response: GenerateResponse) -> Reply:
        told = _told(response.text, response.reasoning)
        if asked.wants_logprobs:
            told |= logprobs(response.logprobs)
        return json_reply(asked.answer(told, response, response.finish_reason))

    return Unary(GENERATE, request, answer, name, blames("prompt"))


def _chat(asked: Asked, prompt: str, system: str, images: list[MessagePart]) -> Unary | Streaming:
    """A prompt with a system message, with pictures or with a wish for thought is a chat of one
    question."""
    messages = [Message(role=Message.USER, content=prompt)]
    if images:
        show(messages[0], images)
    if system:
        messages.insert(0, Message(role=Message.SYSTEM, content=system))
    request = ChatRequest(
        model=asked.model,
        messages=messages,
        sampling=asked.options.sampling.parameters,
        format=asked.format,
        options=asked.run,
        reasoning=asked.thinking.wanted,
        template_arguments=asked.thinking.template_arguments,
    )
    places = {f"messages[{len(messages) - 1}].content": "prompt"}
    places |= {
        f"messages[{len(messages) - 1}].parts[{place}].image.data": f"images[{place}]"
        for place in range(len(images))
    }
    if system:
        places["messages[0].content"] = _SYSTEM
    name = partial(asked.field_name, places)
    if asked.streams:
        return Streaming(STREAM_CHAT, request, _Lines(asked), name, blames=blames("prompt"))

    def answer(response: ChatResponse) -> Reply:
        told = _told(response.message.content, response.message.reasoning)
        if asked.wants_logprobs:
            told |= logprobs(response.logprobs)
        return json_reply(asked.answer(told, response, response.finish_reason))

    return Unary(CHAT, request, answer, name, blames("prompt"))


class _Lines:
    """The lines of one answer."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def __call__(self, event: GenerationEvent) -> Iterator[bytes]:
        asked = self._asked
        match event.WhichOneof("event"):
            case "start":
                asked.watch.loaded()
            case "delta":
                delta = event.delta
                told = logprobs(delta.logprobs) if asked.wants_logprobs else {}
                if delta.text or delta.reasoning or told:
                    line = {**_told(delta.text, delta.reasoning), **told}
                    yield orjson.dumps(asked.head.line(line))
            case "finish":
                finish = event.finish
                yield orjson.dumps(asked.answer(_told(""), finish, finish.reason))
            case _:
                pass


def _told(text: str, reasoning: str = "") -> dict[str, Any]:
    return {"response": text, **thought(reasoning)}

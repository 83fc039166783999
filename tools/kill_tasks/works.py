"""Tasks of several kinds whose results depend on nothing but what is asked."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from google.protobuf import json_format

from funland.v1.images_pb2 import GenerateImagesRequest
from funland.v1.inference_pb2 import (
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
    Message,
    SamplingParameters,
)
from funland.v1.plugins_pb2 import ExecutePluginRequest
from funland.v1.speech_pb2 import BatchSynthesizeRequest, SynthesizeRequest
from funland.v1.tasks_pb2 import TaskResult, Work
from tools.exchanges.stage import PAINTER

_TOKENS: Final = 60
_VARY: Final = {
    "id", "request_id", "execution_id", "timings", "duration", "cached_prompt_tokens", "file_id",
}  # fmt: skip


def work(number: int, *, plugins: bool) -> Work:  # noqa: PLR0911 - a table
    """The work of a number: of each kind in turn."""
    sampling = SamplingParameters(temperature=0, max_tokens=_TOKENS, ignore_end=True)
    told = f"Tell me the story number {number}."
    match number % (7 if plugins else 6):
        case 0:
            message = Message(role=Message.USER, content=told)
            return Work(chat=ChatRequest(messages=[message], sampling=sampling))
        case 1:
            return Work(generate=GenerateRequest(prompt=told, sampling=sampling))
        case 2:
            return Work(embed=EmbedRequest(inputs=[f"{told} {part}" for part in range(20)]))
        case 3:
            return Work(speech=_speech(told))
        case 4:
            texts = [f"{told} Part {part}." for part in range(4)]
            return Work(speech_batch=BatchSynthesizeRequest(requests=map(_speech, texts)))
        case 5:
            images = GenerateImagesRequest(model=PAINTER, prompt=told, seed=number, steps=40, n=2)
            return Work(images=images)
        case _:
            given = json.dumps({"text": told})
            return Work(plugin=ExecutePluginRequest(plugin_id="summarize", input=given))


def _speech(text: str) -> SynthesizeRequest:
    return SynthesizeRequest(text=text, format=SynthesizeRequest.PCM)


def made_files(result: TaskResult) -> list[str]:
    """The ids of the files that a result names."""
    spoken = [result.speech, *(one.response for one in result.speech_batch.results)]
    found = [one.file_id for one in [*spoken, *result.images.images]]
    return [file_id for file_id in (*found, *result.plugin.file_ids) if file_id]


def essence(result: TaskResult) -> object:
    """What is the same whenever it is made, to the last bit of a vector."""
    return unvarying(json_format.MessageToDict(result, preserving_proto_field_name=True))


def unvarying(told: Any) -> Any:
    """An answer without ids, times, and what the cache had."""
    if isinstance(told, dict):
        members = cast("dict[str, Any]", told)
        return {name: unvarying(one) for name, one in members.items() if name not in _VARY}
    if isinstance(told, list):
        return [unvarying(one) for one in cast("list[Any]", told)]
    return told

"""`tts`: texts spoken, at once, as a task, and several as one task."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from funland.v1.speech_pb2 import (
    BatchSynthesizeRequest,
    BatchSynthesizeResponse,
    SynthesizeRequest,
    SynthesizeResponse,
)
from funland.v1.tasks_pb2 import SubmitTaskRequest, Task, Work
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.rpcs import SUBMIT_TASK, SYNTHESIZE
from funland_gateway.dialects.scheduler.answers import done
from funland_gateway.dialects.scheduler.contents import Contents, address
from funland_gateway.dialects.scheduler.errors import error_fields
from funland_gateway.dialects.scheduler.parameters import (
    NUMBER,
    SEED,
    SWITCH,
    WHOLE,
    Reader,
    parameters_of,
    read,
    word_of,
)
from funland_gateway.dialects.states import state_word

FORMATS: Final = SynthesizeRequest.DESCRIPTOR.enum_types_by_name["Format"]

PARAMETERS: Final[Mapping[str, Reader]] = {
    "sample_rate": WHOLE,
    "speed": NUMBER,
    "pitch": NUMBER,
    "format": word_of(FORMATS),
    "ssml": SWITCH,
    "seed": SEED,
}

_OUTSIDE: Final = ("text", "voice", "model")
"""What stands beside `parameters`."""


def generate(incoming: Incoming) -> Unary:
    """Has a text spoken."""
    request = _request(incoming.body)

    def answer(response: SynthesizeResponse) -> Reply:
        audio = base64.b64encode(response.audio).decode()
        return done(incoming, spoken(response, request.voice, audio))

    return Unary(SYNTHESIZE, request, answer, _field_name(""))


def generate_async(incoming: Incoming) -> Unary:
    """Makes a task of a text."""
    work = Work(speech=_request(incoming.body))

    def answer(task: Task) -> Reply:
        return done(incoming, _submitted(task, "Task"), task_id=task.task_id)

    return Unary(SUBMIT_TASK, SubmitTaskRequest(work=work), answer, _field_name("work.speech."))


def generate_batch(incoming: Incoming) -> Unary:
    """Makes one task of several texts."""
    body = incoming.body
    common = read(parameters_of(body), PARAMETERS)
    model = body.optional_string("model")
    requests = [
        SynthesizeRequest(
            text=item.string("text"),
            voice=item.optional_string("voice"),
            model=item.optional_string("model") or model,
            **{**common, **read(parameters_of(item), PARAMETERS)},
        )
        for item in body.objects("items")
    ]
    work = Work(speech_batch=BatchSynthesizeRequest(requests=requests))

    def answer(task: Task) -> Reply:
        data = {**_submitted(task, "Batch task"), "item_count": len(requests)}
        return done(incoming, data, task_id=task.task_id)

    return Unary(SUBMIT_TASK, SubmitTaskRequest(work=work), answer, _item_name)


def spoken(response: SynthesizeResponse, voice: str, audio: str | None) -> dict[str, Any]:
    """What is told of a text that was spoken. `voice` is what was asked for, `audio` the sound in
    base64, if there is room for it."""
    return {
        "audio_base64": audio,
        "format": SynthesizeRequest.Format.Name(response.format).lower(),
        "sample_rate": response.sample_rate,
        "duration_ms": response.duration.ToMilliseconds(),
        "voice": voice or response.voice,
        "voice_id": response.voice,
        "model": response.model,
        "execution_time_ms": round(response.timings.total_ms),
    }


def spoken_file(
    incoming: Incoming, task: Task, response: SynthesizeResponse, voice: str, contents: Contents
) -> dict[str, Any]:
    """The same of a sound that is a task's file."""
    audio = contents[response.file_id].base64
    url = address(incoming, task.task_id, response.file_id)
    return {**spoken(response, voice, audio), "audio_url": url}


def spoken_files(
    incoming: Incoming, task: Task, response: BatchSynthesizeResponse, contents: Contents
) -> dict[str, Any]:
    """What came of several texts: of each its sound, or why there is none."""
    requests = task.work.speech_batch.requests
    items = [
        {"error": error_fields(result.error)}
        if result.HasField("error")
        else spoken_file(incoming, task, result.response, request.voice, contents)
        for result, request in zip(response.results, requests, strict=True)
    ]
    failed = sum("error" in item for item in items)
    return {"items": items, "item_count": len(items), "failed_count": failed}


def _request(body: JsonObject) -> SynthesizeRequest:
    return SynthesizeRequest(
        text=body.string("text"),
        voice=body.optional_string("voice"),
        model=body.optional_string("model"),
        **read(parameters_of(body), PARAMETERS),
    )


def _submitted(task: Task, what: str) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "status": state_word(task.state),
        "message": f"{what} submitted successfully",
    }


def _field_name(before: str) -> Callable[[str], str]:
    """Most fields stand in an object of their own."""

    def name(path: str) -> str:
        inner = path.removeprefix(before)
        return inner if inner in _OUTSIDE else f"parameters.{inner}"

    return name


def _item_name(path: str) -> str:
    """`work.speech_batch.requests[1].text` is `items[1].text`."""
    item, dot, inner = path.removeprefix("work.speech_batch.requests").partition(".")
    if not dot or inner in _OUTSIDE:
        return f"items{item}{dot}{inner}"
    return f"parameters.{inner}"

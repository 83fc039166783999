"""The `scheduler` dialect's speech and pictures: what it asks, and what it tells of files."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.files_pb2 import DownloadFileRequest, File, GetFileRequest
from funland.v1.images_pb2 import (
    GenerateImagesRequest,
    GenerateImagesResponse,
    Image,
    ImageTimings,
)
from funland.v1.speech_pb2 import (
    BatchSynthesizeRequest,
    BatchSynthesizeResponse,
    SpeechTimings,
    SynthesizeRequest,
    SynthesizeResponse,
    SynthesizeResult,
)
from funland.v1.tasks_pb2 import (
    GetTaskRequest,
    Lane,
    ListLanesResponse,
    SubmitTaskRequest,
    Task,
    TaskResult,
    Work,
)
from funland_gateway.dialects.dialect import Download, Unary
from funland_gateway.dialects.rpcs import DOWNLOAD_FILE
from funland_gateway.dialects.scheduler.contents import MOST_BYTES
from funland_gateway.dialects.scheduler.estimating import estimated_ms
from funland_gateway.dialects.scheduler.routes import SCHEDULER
from funland_gateway.failures import CallFailed
from tests.conformance.shapes import lacks, shape_of
from tests.gateway.dialects.asked import asked, call, refused, told

ROUTES = {(route.method, route.path): route for route in SCHEDULER.routes}
SPEAK = ROUTES["POST", "/api/v1/tts/generate"]
SPEAK_ASYNC = ROUTES["POST", "/api/v1/tts/generate/async"]
BATCH = ROUTES["POST", "/api/v1/tts/batch"]
PAINT = ROUTES["POST", "/api/v1/image/generate"]
PICTURE = ROUTES["GET", "/api/v1/image/result/{task_id}"]
TASK = ROUTES["GET", "/api/v1/tasks/{task_id}"]
FILE = ROUTES["GET", "/api/v1/tasks/{task_id}/files/{file_id}"]

SPOKEN_TEXT: dict[str, Any] = {
    "text": "Hello, this is a text-to-speech test",
    "voice": "en-US",
    "parameters": {"sample_rate": 22050, "speed": 1.0, "pitch": 1.0, "format": "wav"},
}
SYNTHESIZE = SynthesizeRequest(
    text="Hello, this is a text-to-speech test",
    voice="en-US",
    sample_rate=22050,
    speed=1.0,
    pitch=1.0,
    format=SynthesizeRequest.WAV,
)
SOUND = SynthesizeResponse(
    model="hibari",
    voice="hibari:american",
    format=SynthesizeRequest.WAV,
    media_type="audio/wav",
    sample_rate=22050,
    duration=Duration(seconds=2, nanos=500_000_000),
    timings=SpeechTimings(queue_ms=1000, total_ms=349.6),
)
TOLD = {
    "format": "wav",
    "sample_rate": 22050,
    "duration_ms": 2500,
    "voice": "en-US",
    "voice_id": "hibari:american",
    "model": "hibari",
    "execution_time_ms": 350,
}
PROMPT: dict[str, Any] = {
    "prompt": "A beautiful sunset over mountains with lake reflection",
    "negative_prompt": "blurry, low quality, distorted",
    "parameters": {
        "width": 512,
        "height": 512,
        "steps": 20,
        "guidance_scale": 7.5,
        "seed": 42,
        "model": "sd15-turbo",
    },
}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def shaped(name: str, body: Any) -> bool:
    return list(lacks(shape_of("scheduler", name, failed=False), body)) == []


def test_the_documents_text_is_spoken() -> None:
    described = call(SPEAK, asked(SPOKEN_TEXT))
    answer = SynthesizeResponse()
    answer.CopyFrom(SOUND)
    answer.audio = b"RIFF"

    body = told(described, answer)

    assert described.message == SYNTHESIZE
    assert body["data"] == {**TOLD, "audio_base64": encoded(b"RIFF")}
    assert shaped("speak", body)


def test_who_asks_for_nobody_is_told_who_spoke() -> None:
    data = told(call(SPEAK, asked({"text": "a"})), SOUND)["data"]

    assert data["voice"] == data["voice_id"] == "hibari:american"


def test_a_text_becomes_a_task() -> None:
    described = call(SPEAK_ASYNC, asked(SPOKEN_TEXT))

    body = told(described, Task(task_id="t", state=Task.PENDING))

    assert described.message == SubmitTaskRequest(work=Work(speech=SYNTHESIZE))
    assert (body["task_id"], body["data"]["status"]) == ("t", "pending")
    assert shaped("submit", body)


def test_the_documents_batch_is_one_task() -> None:
    items = [{"text": "First", "voice": "en-US"}, {"text": "Second", "voice": "zh-CN"}]
    parameters = {"sample_rate": 22050, "format": "wav"}
    described = call(BATCH, asked({"items": items, "parameters": parameters}))

    body = told(described, Task(task_id="t", state=Task.PENDING))

    common: Any = {"sample_rate": 22050, "format": SynthesizeRequest.WAV}
    requests = [SynthesizeRequest(**item, **common) for item in items]
    assert described.message == SubmitTaskRequest(
        work=Work(speech_batch=BatchSynthesizeRequest(requests=requests))
    )
    assert body["data"]["item_count"] == 2
    assert shaped("batch", body)


def test_an_item_has_parameters_of_its_own_before_those_of_all() -> None:
    items = [{"text": "a", "parameters": {"speed": 2}}, {"text": "b"}]

    message: Any = call(BATCH, asked({"items": items, "parameters": {"speed": 0.5}})).message

    assert [one.speed for one in message.work.speech_batch.requests] == [2, 0.5]


@pytest.mark.parametrize(
    ("route", "path", "name"),
    [
        (SPEAK, "text", "text"),
        (SPEAK, "speed", "parameters.speed"),
        (SPEAK_ASYNC, "work.speech.voice", "voice"),
        (SPEAK_ASYNC, "work.speech.sample_rate", "parameters.sample_rate"),
        (BATCH, "work.speech_batch.requests", "items"),
        (BATCH, "work.speech_batch.requests[7].text", "items[7].text"),
        (BATCH, "work.speech_batch.requests[7].pitch", "parameters.pitch"),
        (PAINT, "work.images.prompt", "prompt"),
        (PAINT, "work.images.width", "parameters.width"),
    ],
)
def test_the_contracts_fields_have_the_bodys_names(route: Any, path: str, name: str) -> None:
    body = {"text": "a", "prompt": "a", "items": [{"text": "a"}]}

    assert call(route, asked(body)).field_name(path) == name


@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        (SPEAK, {}, "text"),
        (SPEAK, {"text": "a", "parameters": {"format": "mp4"}}, "parameters.format"),
        (SPEAK_ASYNC, {"text": "a", "parameters": {"speed": "fast"}}, "parameters.speed"),
        (BATCH, {}, "items"),
        (BATCH, {"items": [{"text": "a"}, {}]}, "items[1].text"),
        (
            BATCH,
            {"items": [{"text": "a", "parameters": {"pitch": "high"}}]},
            "items[0].parameters.pitch",
        ),
        (PAINT, {}, "prompt"),
        (PAINT, {"prompt": "a", "parameters": {"scheduler": "heun"}}, "parameters.scheduler"),
        (PAINT, {"prompt": "a", "parameters": {"seed": 2**63}}, "parameters.seed"),
    ],
)
def test_a_wrong_field_is_named(route: Any, body: dict[str, Any], field: str) -> None:
    assert [each.field for each in refused(route, asked(body)).field_violations] == [field]


LANES = ListLanesResponse(
    lanes=[Lane(name=Lane.PICTURES, limit=1, running=1, mean_duration=Duration(seconds=8))]
)


def test_the_documents_picture_becomes_a_task_with_an_estimate() -> None:
    described = call(PAINT, asked(PROMPT))
    task = Task(task_id="t", state=Task.PENDING, lane=Lane.PICTURES, position=0)

    body = told(described, task, LANES)

    assert described.message == SubmitTaskRequest(
        work=Work(
            images=GenerateImagesRequest(
                prompt=PROMPT["prompt"],
                negative_prompt=PROMPT["negative_prompt"],
                width=512,
                height=512,
                steps=20,
                guidance_scale=7.5,
                seed=42,
                model="sd15-turbo",
                upscale=True,
            )
        )
    )
    assert body["data"]["estimated_time_ms"] == 16_000
    assert shaped("paint", body)


@pytest.mark.parametrize(("seed", "read"), [(-1, None), (-2, 2**32 - 2), (2**32 + 5, 5)])
def test_a_seed_is_folded_and_minus_one_is_none(seed: int, read: int | None) -> None:
    body = {"prompt": "a", "parameters": {"seed": seed, "upscale": False}}

    message: Any = call(PAINT, asked(body)).message

    images = message.work.images
    assert (images.seed if images.HasField("seed") else None) == read
    assert images.upscale is False


def waiting(position: int, **fields: Any) -> Task:
    return Task(state=Task.PENDING, lane=Lane.PICTURES, position=position, **fields)


def lane(running: int, limit: int = 2, mean: int | None = 8) -> Lane:
    told = Lane(name=Lane.PICTURES, limit=limit, running=running)
    if mean is not None:
        told.mean_duration.seconds = mean
    return told


@pytest.mark.parametrize(
    ("task", "lanes", "milliseconds"),
    [
        (waiting(0), [lane(1)], 8000),  # it begins at once
        (waiting(0), [lane(2)], 12_000),
        (waiting(3), [lane(2)], 24_000),
        (Task(state=Task.PROCESSING, lane=Lane.PICTURES), [lane(2)], 8000),
        (waiting(0), [lane(1, mean=None)], None),
        (waiting(0, start_time=Timestamp(seconds=1)), [lane(1)], None),
        (waiting(0), [], None),
    ],
)
def test_an_estimate_is_what_the_last_ones_took_and_the_wait(
    task: Task, lanes: list[Lane], milliseconds: int | None
) -> None:
    assert estimated_ms(task, lanes) == milliseconds


IMAGE = Image(
    file_id="f-1",
    format=Image.PNG,
    media_type="image/png",
    width=512,
    height=512,
    painted_width=64,
    painted_height=64,
    seed=42,
)
PAINTED = Task(
    task_id="t",
    kind=Task.IMAGES,
    state=Task.COMPLETED,
    work=Work(images=GenerateImagesRequest(prompt="a", format=Image.PNG)),
    result=TaskResult(
        images=GenerateImagesResponse(
            model="sketch",
            images=[IMAGE],
            steps=20,
            guidance_scale=7.5,
            timings=ImageTimings(total_ms=8000.4),
        )
    ),
)
ADDRESS = "http://localhost/api/v1/tasks/t/files/f-1"
SHOWN = {
    "format": "png",
    "url": ADDRESS,
    "width": 512,
    "height": 512,
    "painted_width": 64,
    "painted_height": 64,
    "seed": 42,
}


def test_a_picture_comes_inside_the_answer() -> None:
    described = call(PICTURE, asked(path={"task_id": "t"}))

    content = [HttpBody(data=b"\x89P"), HttpBody(data=b"NG")]
    body = told(described, PAINTED, File(file_id="f-1", size_bytes=4), content)

    image = {**SHOWN, "base64": encoded(b"\x89PNG")}
    assert described.message == GetTaskRequest(task_id="t")
    assert body["data"] == {
        "task_id": "t",
        "status": "completed",
        "image": image,
        "images": [image],
        "model": "sketch",
        "steps": 20,
        "guidance_scale": 7.5,
        "execution_time_ms": 8000,
    }
    assert shaped("picture", body)


def test_the_address_of_a_picture_is_told_without_asking_for_it() -> None:
    body = told(call(PICTURE, asked(path={"task_id": "t"}, format="url")), PAINTED)

    assert body["data"]["image"] == {**SHOWN, "base64": None}


def test_what_is_too_large_for_an_answer_has_its_address_alone() -> None:
    described = call(PICTURE, asked(path={"task_id": "t"}))

    body = told(described, PAINTED, File(file_id="f-1", size_bytes=MOST_BYTES + 1))

    assert body["data"]["image"] == {**SHOWN, "base64": None}


def test_files_of_one_answer_share_its_room() -> None:
    both = [SynthesizeResult(response=SynthesizeResponse(file_id=each)) for each in ("a", "b")]
    batch = Task(
        task_id="t",
        kind=Task.SPEECH_BATCH,
        state=Task.COMPLETED,
        work=Work(
            speech_batch=BatchSynthesizeRequest(
                requests=[SynthesizeRequest(text="1"), SynthesizeRequest(text="2")]
            )
        ),
        result=TaskResult(speech_batch=BatchSynthesizeResponse(results=both)),
    )
    described = call(TASK, asked(path={"task_id": "t"}, include_result="true"))

    sound = bytes(MOST_BYTES - 1)
    body = told(
        described, batch, File(size_bytes=len(sound)), [HttpBody(data=sound)], File(size_bytes=2)
    )

    first, second = body["data"]["result"]["items"]
    assert len(first["audio_base64"]) > MOST_BYTES
    assert second["audio_base64"] is None
    assert second["audio_url"] == "http://localhost/api/v1/tasks/t/files/b"


@pytest.mark.parametrize(
    ("task", "told_of_it"),
    [
        (Task(state=Task.PENDING), {"status": "pending", "progress": None}),
        (
            Task(state=Task.PROCESSING, progress_percent=41.6),
            {"status": "processing", "progress": 42},
        ),
        (
            Task(
                state=Task.FAILED,
                error=Error(code="NOT_FOUND", reason=ErrorReason.MODEL_NOT_FOUND, message="No."),
            ),
            {
                "status": "failed",
                "progress": None,
                "error": {"code": 404, "message": "No.", "reason": "MODEL_NOT_FOUND"},
            },
        ),
    ],
)
def test_a_picture_that_is_not_there_is_null(task: Task, told_of_it: dict[str, Any]) -> None:
    task.task_id, task.kind = "t", Task.IMAGES

    body = told(call(PICTURE, asked(path={"task_id": "t"})), task)

    assert body["data"] == {"task_id": "t", "image": None, "images": [], **told_of_it}
    assert shaped("picture", body)


def test_a_task_that_paints_nothing_has_no_picture() -> None:
    described = call(PICTURE, asked(path={"task_id": "t"}))

    with pytest.raises(CallFailed) as caught:
        described.answer(Task(task_id="t", kind=Task.SPEECH, state=Task.COMPLETED))

    assert caught.value.error.reason == ErrorReason.TASK_NOT_FOUND


@pytest.mark.parametrize(
    ("image_format", "asked_for", "quality", "taken"),
    [
        (Image.PNG, 0, "50", True),  # it loses nothing
        (Image.JPEG, 0, "90", True),
        (Image.JPEG, 70, "70", True),
        (Image.JPEG, 70, "71", False),
        (Image.WEBP, 0, "50", False),
    ],
)
def test_a_picture_has_the_quality_that_it_was_painted_with(
    image_format: Any, asked_for: int, quality: str, *, taken: bool
) -> None:
    task = Task()
    task.CopyFrom(PAINTED)
    task.work.images.format = image_format
    task.work.images.quality = asked_for
    described = call(PICTURE, asked(path={"task_id": "t"}, format="url", quality=quality))

    if taken:
        assert told(described, task)["ok"] is True
        return
    with pytest.raises(CallFailed) as caught:
        described.answer(task)
    assert caught.value.error.metadata["parameter"] == "quality"


def test_a_wrong_query_is_named() -> None:
    how = refused(PICTURE, asked(path={"task_id": "t"}, format="gif"))
    quality = refused(PICTURE, asked(path={"task_id": "t"}, quality="0"))

    assert [each.field for each in how.field_violations] == ["format"]
    assert [each.field for each in quality.field_violations] == ["quality"]


def test_results_of_tasks_are_told_as_their_endpoints_tell_them() -> None:
    sound = SynthesizeResponse()
    sound.CopyFrom(SOUND)
    sound.file_id = "f-1"
    speech = Task(
        task_id="t",
        kind=Task.SPEECH,
        state=Task.COMPLETED,
        work=Work(speech=SYNTHESIZE),
        result=TaskResult(speech=sound),
    )
    described = call(TASK, asked(path={"task_id": "t"}, include_result="true"))
    file = File(file_id="f-1", size_bytes=4)

    spoken = told(described, speech, file, [HttpBody(data=b"RIFF")])["data"]
    painted = told(described, PAINTED, file, [HttpBody(data=b"PNG")])["data"]

    assert spoken["type"] == "tts_generation"
    assert spoken["result"] == {**TOLD, "audio_base64": encoded(b"RIFF"), "audio_url": ADDRESS}
    assert painted["type"] == "image_generation"
    assert painted["result"]["image"]["base64"] == encoded(b"PNG")


def test_texts_of_a_batch_that_could_not_be_spoken_say_why() -> None:
    error = Error(code="NOT_FOUND", reason=ErrorReason.VOICE_NOT_FOUND, message="No.")
    task = Task(
        task_id="t",
        kind=Task.SPEECH_BATCH,
        state=Task.COMPLETED,
        work=Work(speech_batch=BatchSynthesizeRequest(requests=[SynthesizeRequest(text="a")])),
        result=TaskResult(
            speech_batch=BatchSynthesizeResponse(results=[SynthesizeResult(error=error)])
        ),
    )

    data = told(call(TASK, asked(path={"task_id": "t"}, include_result="true")), task)["data"]

    failed = {"error": {"code": 404, "message": "No.", "reason": "VOICE_NOT_FOUND"}}
    assert data["type"] == "tts_batch"
    assert data["result"] == {"items": [failed], "item_count": 1, "failed_count": 1}


def test_a_file_of_a_task_is_sent_as_it_is() -> None:
    described = call(FILE, asked(path={"task_id": "t", "file_id": "f-1"}))

    step = described.answer(File(file_id="f-1", task_id="t"))

    assert described.message == GetFileRequest(file_id="f-1")
    assert isinstance(step, Download)
    assert step.rpc is DOWNLOAD_FILE
    assert step.message == DownloadFileRequest(file_id="f-1")


@pytest.mark.parametrize("task_id", ["", "other"])
def test_a_file_that_is_not_the_tasks_is_not_there(task_id: str) -> None:
    described = call(FILE, asked(path={"task_id": "t", "file_id": "f-1"}))

    with pytest.raises(CallFailed) as caught:
        described.answer(File(file_id="f-1", task_id=task_id))

    assert caught.value.error.reason == ErrorReason.FILE_NOT_FOUND


def test_files_are_asked_for_before_their_contents() -> None:
    described = call(PICTURE, asked(path={"task_id": "t"}))

    step = described.answer(PAINTED)

    assert isinstance(step, Unary)
    assert step.message == GetFileRequest(file_id="f-1")

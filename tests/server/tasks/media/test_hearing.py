"""Tasks that write down what is said, with a real voice and a real recogniser."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.files_pb2 import DeleteFileRequest
from funland.v1.speech_pb2 import SynthesizeRequest, TranscribeRequest
from funland.v1.tasks_pb2 import Lane, Task, Work
from funland_server.app import Server
from tests.server.conftest import call, details
from tests.server.tasks import calls
from tests.server.tasks.media.conftest import upload

MODEL = "whisper-tiny.en"
TEXT = "The quick brown fox jumps over the lazy dog."


def work(**fields: Any) -> Work:
    asked: dict[str, Any] = {"model": MODEL, **fields}
    return Work(transcription=TranscribeRequest(**asked))


async def recording(server: Server) -> bytes:
    request = SynthesizeRequest(text=TEXT, format=SynthesizeRequest.FLAC)
    return (await call(server, "Synthesize", request)).audio


async def test_a_kept_recording_is_written_down(server: Server) -> None:
    file_id = await upload(server, await recording(server))
    task = await calls.submit(server, work(file_id=file_id))

    done = await calls.ended(server, task.task_id)

    heard = done.result.transcription
    assert (done.state, done.lane, done.model) == (Task.COMPLETED, Lane.SPEECH, MODEL), done.error
    assert heard.text.strip().lower() == TEXT.lower()
    assert heard.segments
    assert not done.file_ids


async def test_a_short_recording_comes_with_the_task(server: Server) -> None:
    task = await calls.submit(server, work(audio=await recording(server)))

    done = await calls.ended(server, task.task_id)

    assert done.state == Task.COMPLETED, done.error
    assert "lazy dog" in done.result.transcription.text


async def test_what_is_no_sound_fails_at_once(server: Server) -> None:
    task = await calls.submit(server, work(audio=b"This is no recording at all. " * 100))

    failed = await calls.ended(server, task.task_id)

    assert (failed.state, failed.attempts) == (Task.FAILED, 1)
    assert failed.error.reason == ErrorReason.AUDIO_INVALID


async def test_a_file_that_is_gone_before_its_task_runs_is_not_found(server: Server) -> None:
    file_id = await upload(server, await recording(server))
    start: Any = {"start_time": {"seconds": 4_000_000_000}}
    task = await calls.submit(server, work(file_id=file_id), **start)
    await call(server, "DeleteFile", DeleteFileRequest(file_id=file_id))

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await calls.submit(server, work(file_id=file_id))
    await calls.cancel(server, task.task_id)

    assert details(raised.value)["ErrorInfo"].reason == "FILE_NOT_FOUND"


@pytest.mark.parametrize(
    ("model", "reason"),
    [("nobody's", "MODEL_NOT_FOUND"), ("hibari", "MODEL_KIND_WRONG")],
)
async def test_who_can_not_hear_is_refused_at_once(server: Server, model: str, reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await calls.submit(server, work(model=model, audio=b"RIFF"))

    assert details(raised.value)["ErrorInfo"].reason == reason

"""Tasks that speak, with a real voice: their sounds are files that go with them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio
import soundfile

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import BatchSynthesizeRequest, SynthesizeRequest
from funland.v1.tasks_pb2 import Lane, Task, Work
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import call, details
from tests.server.tasks import calls
from tests.server.tasks.media.conftest import content, files, workers

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENTENCE = "The cat sat on the mat, and the dog looked on. "


def speech(text: str = "Hello there.", **fields: Any) -> Work:
    asked: dict[str, Any] = {"text": text, "format": SynthesizeRequest.PCM, **fields}
    return Work(speech=SynthesizeRequest(**asked))


def series(*texts: str) -> Work:
    requests = [SynthesizeRequest(text=text, format=SynthesizeRequest.PCM) for text in texts]
    return Work(speech_batch=BatchSynthesizeRequest(requests=requests))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for the tests that end no server: a voice takes long to load."""
    home: Path = tmp_path_factory.mktemp("server") / "home"
    server = Server(ServerSettings(home=home, port=0))
    await server.start()
    yield server
    await server.stop(0)


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared_server: Server) -> AsyncIterator[Server]:
    """It has no tasks, and so no files of them."""
    yield shared_server
    for task in (await calls.listed(shared_server)).tasks:
        await calls.delete(shared_server, task.task_id)


async def until(server: Server, task_id: str, percent: float) -> None:
    async for event in calls.watch(server, task_id):
        if event.task.progress_percent > percent:
            return
    raise AssertionError("It ended before.")


async def test_a_sound_is_a_file_of_the_task(server: Server) -> None:
    asked = speech()
    task = await calls.submit(server, asked)

    done = await calls.ended(server, task.task_id)

    answer = await call(server, "Synthesize", asked.speech)
    spoken = done.result.speech
    assert (done.state, done.lane, done.model) == (Task.COMPLETED, Lane.SPEECH, "hibari")
    assert list(done.file_ids) == [spoken.file_id]
    assert await content(server, spoken.file_id) == answer.audio
    assert (spoken.audio, spoken.voice, spoken.characters) == (b"", answer.voice, 12)
    assert spoken.duration == answer.duration
    (file,) = await files(server)
    assert (file.name, file.task_id) == ("speech.pcm", task.task_id)
    await calls.delete(server, task.task_id)
    assert not await files(server)


@pytest.mark.parametrize("format_", [SynthesizeRequest.WAV, SynthesizeRequest.FLAC])
async def test_the_file_says_how_long_it_sounds(
    server: Server, format_: SynthesizeRequest.Format.ValueType
) -> None:
    """As the answer of a call does; and it has the SHA-256 of what it is."""
    asked = speech(format=format_)
    task = await calls.submit(server, asked)

    done = await calls.ended(server, task.task_id)

    spoken = done.result.speech
    sound = await content(server, spoken.file_id)
    assert sound == (await call(server, "Synthesize", asked.speech)).audio
    frames = soundfile.info(io.BytesIO(sound)).frames
    assert frames == round(spoken.duration.ToMicroseconds() * spoken.sample_rate / 1e6)
    (file,) = await files(server)
    assert file.sha256 == hashlib.sha256(sound).hexdigest()


async def test_a_cancelled_task_ends_amid_its_text_and_keeps_no_sound(server: Server) -> None:
    task = await calls.submit(server, speech(SENTENCE * 2000))
    await until(server, task.task_id, 0)

    cancelled = await calls.cancel(server, task.task_id)

    assert cancelled.state == Task.CANCELLED
    assert 0 < cancelled.progress_percent < 100
    assert not await files(server)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model": "nobody's"}, "MODEL_NOT_FOUND"),
        ({"model": "funland-tiny"}, "MODEL_KIND_WRONG"),
        ({"voice": "xx-XX"}, "VOICE_NOT_FOUND"),
    ],
)
async def test_what_the_call_refuses_is_refused_at_once(
    server: Server, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await calls.submit(server, speech(**fields))

    assert details(raised.value)["ErrorInfo"].reason == reason
    assert not (await calls.listed(server)).tasks


async def test_what_the_voice_refuses_fails_at_once(server: Server) -> None:
    task = await calls.submit(server, speech("привет"))

    failed = await calls.ended(server, task.task_id)

    assert (failed.state, failed.attempts) == (Task.FAILED, 1)
    assert failed.error.reason == ErrorReason.TEXT_UNSPEAKABLE
    assert not await files(server)


async def test_each_text_of_a_series_is_a_file_or_an_error(server: Server) -> None:
    task = await calls.submit(server, series("One.", "привет", "Three."))

    done = await calls.ended(server, task.task_id)

    first, second, third = done.result.speech_batch.results
    assert done.state == Task.COMPLETED
    assert second.error.reason == ErrorReason.TEXT_UNSPEAKABLE
    assert sorted(done.file_ids) == sorted([first.response.file_id, third.response.file_id])
    alone = await call(server, "Synthesize", speech("Three.").speech)
    assert await content(server, third.response.file_id) == alone.audio
    assert {file.name for file in await files(server)} == {"speech-001.pcm", "speech-003.pcm"}


async def test_a_series_goes_on_where_a_lost_worker_left_it(server: Server) -> None:
    texts = ["One.", "Two.", "Three.", *(SENTENCE * 40 for _ in range(2))]
    task = await calls.submit(server, series(*texts))
    kept = await until_kept(server, task.task_id, 3)

    for worker in workers():
        worker.kill()

    done = await calls.ended(server, task.task_id)
    assert (done.state, done.attempts) == (Task.COMPLETED, 2)
    results = done.result.speech_batch.results
    assert sorted(done.file_ids) == sorted(one.response.file_id for one in results)
    assert set(kept) <= set(done.file_ids)  # what was spoken stayed spoken


async def test_a_series_goes_on_where_a_stopped_server_left_it(
    settings: ServerSettings,
) -> None:
    server = Server(settings)
    await server.start()
    texts = ["One.", "Two.", "Three.", *(SENTENCE * 40 for _ in range(2))]
    task = await calls.submit(server, series(*texts))
    kept = await until_kept(server, task.task_id, 3)
    await server.stop(0)

    after = Server(settings)
    await after.start()
    try:
        done = await calls.ended(after, task.task_id)
        assert done.state == Task.COMPLETED
        assert set(kept) <= set(done.file_ids)
        assert len(done.file_ids) == len(await files(after)) == len(texts)
        await calls.delete(after, task.task_id)
        assert not await files(after)
    finally:
        await after.stop(0)


async def until_kept(server: Server, task_id: str, count: int) -> list[str]:
    """The files of a task that runs when it has so many."""
    async for event in calls.watch(server, task_id):
        if int(event.task.progress_text.partition(" ")[0] or 0) >= count:
            return list(event.task.file_ids)
    raise AssertionError("It ended before.")

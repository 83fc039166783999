"""Recordings are written down by a real Whisper, over the real server and its worker."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc.aio
import numpy as np
import pytest
import pytest_asyncio
import soundfile

from funland.v1 import models_pb2
from funland.v1.speech_pb2 import TranscribeRequest, Transcript, TranscriptEvent
from funland.v1.system_pb2 import GetMetricsRequest
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.processes import children
from tests.server.conftest import SECONDS, call, details, streamed, until
from tests.worker.hearing.scenes import RATE, SENTENCES, Sound, silence, spoken
from tests.worker.hearing.words import wrong_words

pytestmark = pytest.mark.asyncio(loop_scope="module")

TINY = "whisper-tiny.en"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for all of these: what hears takes long to load."""
    server = Server(ServerSettings(home=tmp_path_factory.mktemp("home"), port=0, slots=4))
    await server.start()
    yield server
    await server.stop(0)


def written(sound: Sound) -> bytes:
    """A recording as a file."""
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def talk(*sentences: str) -> Sound:
    """Sentences one after the other, with pauses."""
    parts = [part for one in sentences for part in (spoken(one), silence(0.7))]
    return np.concatenate([silence(0.5), *parts])


async def transcribed(server: Server, sound: Sound, **asked: object) -> Transcript:
    request = TranscribeRequest(model=TINY, audio=written(sound), **asked)  # type: ignore[arg-type]  # the caller names fields
    return await call(server, "Transcribe", request)


async def refused(server: Server, request: TranscribeRequest) -> tuple[str, dict[str, str]]:
    """Why a request is refused, and the details of that."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, "Transcribe", request)
    return told(raised.value)


def told(error: grpc.aio.AioRpcError) -> tuple[str, dict[str, str]]:
    info = details(error)["ErrorInfo"]
    return info.reason, dict(info.metadata)


async def test_what_is_said_is_written_down_word_by_word(server: Server) -> None:
    sound = talk(*SENTENCES)

    heard = await transcribed(server, sound, word_timestamps=True)

    assert wrong_words(" ".join(SENTENCES), heard.text) == 0
    assert (heard.model, heard.language) == (TINY, "en")
    assert not heard.HasField("language_probability"), "it knows no other"
    assert heard.duration.ToMilliseconds() == len(sound) * 1000 // RATE
    assert list(heard.device_ids) == ["cpu_0"]
    assert 0 < heard.timings.first_ms <= heard.timings.total_ms
    assert [one.segment_id for one in heard.segments] == [*range(len(heard.segments))]
    assert " ".join(one.text for one in heard.segments) == heard.text
    last = 0.0
    for segment in heard.segments:
        assert last <= segment.start_seconds < segment.end_seconds <= len(sound) / RATE
        assert segment.average_logprob < 0
        assert 0 <= segment.no_speech_probability < 0.5
        assert " ".join(word.word for word in segment.words) == segment.text
        last = segment.start_seconds
        for word in segment.words:
            assert last <= word.start_seconds <= word.end_seconds <= segment.end_seconds
            assert 0 < word.probability <= 1
            last = word.end_seconds


async def test_a_stream_tells_each_part_when_it_was_heard(server: Server) -> None:
    said = SENTENCES[:3]
    sound = np.concatenate([talk(*said), silence(8), talk(*said)])

    request = TranscribeRequest(model=TINY, audio=written(sound))
    stream = streamed(server, "StreamTranscribe", request)
    events: list[TranscriptEvent] = [event async for event in stream]

    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[0] == "start"
    assert kinds[-1] == "finish"
    assert events[0].start.model == TINY
    assert events[0].start.duration.ToMilliseconds() == len(sound) * 1000 // RATE
    assert "progress" in kinds[: len(kinds) - kinds[::-1].index("segment")], "before the last"
    told = [event.progress.seconds for event in events if event.HasField("progress")]
    assert told == sorted(told)
    assert told[-1] == pytest.approx(len(sound) / RATE, abs=0.01)
    assert wrong_words(" ".join(said * 2), events[-1].finish.text) == 0


async def test_nothing_is_heard_where_nobody_speaks(server: Server) -> None:
    noise = np.random.default_rng(0).normal(size=RATE * 12).astype(np.float32)

    for sound in (silence(12), 0.001 * noise, 0.05 * noise, silence(0.05)):
        for detection in (True, False):
            heard = await transcribed(server, sound, voice_detection=detection)

            assert heard.text == ""
            assert not heard.segments


async def test_what_can_not_be_heard_is_refused_by_name(server: Server) -> None:
    audio = written(spoken(SENTENCES[0]))

    language = await refused(server, TranscribeRequest(model=TINY, audio=audio, language="zh"))
    task = await refused(
        server, TranscribeRequest(model=TINY, audio=audio, task=TranscribeRequest.TRANSLATE)
    )
    no_sound = await refused(server, TranscribeRequest(model=TINY, audio=b"no sound"))
    no_file = await refused(server, TranscribeRequest(model=TINY, file_id="file-none"))
    kind = await refused(server, TranscribeRequest(model="hibari", audio=audio))
    unknown = await refused(server, TranscribeRequest(model="nobody", audio=audio))

    assert language[0] == task[0] == "LANGUAGE_UNSUPPORTED"
    assert language[1]["language"] == "zh"
    assert no_sound[0] == "AUDIO_INVALID"
    assert no_file[0] == "FILE_NOT_FOUND"
    assert kind[0] == "MODEL_KIND_WRONG"
    assert unknown[0] == "MODEL_NOT_FOUND"


async def test_english_is_known_by_all_its_names(server: Server) -> None:
    sound = spoken(SENTENCES[3])

    for name in ("en", "en-US", "english", "EN_gb"):
        heard = await transcribed(server, sound, language=name)

        assert heard.language == "en"
        assert wrong_words(SENTENCES[3], heard.text) == 0


async def test_what_was_heard_is_counted(server: Server) -> None:
    async def counted(name: str) -> float:
        metrics = await call(server, "GetMetrics", GetMetricsRequest())
        lines = (line.rsplit(" ", 1) for line in metrics.data.decode().splitlines())
        return float(dict(lines).get(f'{name}{{model="{TINY}"}}', 0))

    sound = spoken(SENTENCES[3])
    names = ("funland_heard_seconds_total", "funland_hearing_real_time_factor_count")
    before = [await counted(name) for name in names]
    await transcribed(server, sound)

    seconds, calls = [await counted(name) - last for name, last in zip(names, before, strict=True)]
    assert seconds == pytest.approx(len(sound) / RATE, abs=0.01)
    assert calls == 1


async def test_a_caller_that_goes_away_ends_its_recording(server: Server) -> None:
    request = TranscribeRequest(model=TINY, audio=written(np.tile(talk(*SENTENCES), 20)))
    stream = streamed(server, "StreamTranscribe", request)
    async with aclosing(stream):
        while not (await anext(stream)).HasField("segment"):
            pass
        assert await running(server) == 1

    async with asyncio.timeout(SECONDS):
        while await running(server):  # noqa: ASYNC110 - what it waits for has no event of its own
            await asyncio.sleep(0.001)
    assert (await transcribed(server, spoken(SENTENCES[0]))).text


async def test_a_worker_that_is_killed_ends_its_streams_and_is_replaced(server: Server) -> None:
    request = TranscribeRequest(model=TINY, audio=written(np.tile(talk(*SENTENCES), 20)))
    stream = streamed(server, "StreamTranscribe", request)
    while not (await anext(stream)).HasField("segment"):
        pass
    (worker,) = children()

    worker.kill()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async for _ in stream:
            pass

    assert told(raised.value)[0] == "WORKER_LOST"
    await until(lambda: worker not in children())
    assert (await transcribed(server, spoken(SENTENCES[0]))).text


async def running(server: Server) -> int:
    """How many recordings its worker hears."""
    model = await call(server, "GetModel", models_pb2.GetModelRequest(model_id=TINY))
    return model.loaded.active_sequences

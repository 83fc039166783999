"""Texts are spoken by the installed voice, over the real server and its worker."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc.aio
import numpy as np
import pytest
import pytest_asyncio
from google.rpc.error_details_pb2 import ErrorInfo
from numpy.typing import NDArray

from funland.v1 import inference_pb2, models_pb2, speech_pb2
from funland.v1.speech_pb2 import BatchSynthesizeRequest, ListVoicesRequest, SynthesizeRequest
from funland.v1.system_pb2 import GetMetricsRequest
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.processes import children
from tests.server.conftest import SECONDS, call, details, streamed, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

Samples: TypeAlias = NDArray[np.int16]
BOOK = "It was a dark and stormy night, and the rain fell in torrents on the old town. " * 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for all of these: a voice takes long to load."""
    server = Server(ServerSettings(home=tmp_path_factory.mktemp("home"), port=0, slots=4))
    await server.start()
    yield server
    await server.stop(0)


def samples(audio: bytes, rate: int = 24000) -> Samples:
    with wave.open(io.BytesIO(audio)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate)
        found = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        assert len(found) == file.getnframes()
    return found


def pitch(sound: Samples) -> float:
    """The frequency of a voice, in hertz: where the spectrum of what it says repeats most."""
    spectrum = np.abs(np.fft.rfft(sound.astype(float))) ** 2
    correlation = np.fft.irfft(spectrum)
    least, most = 24000 // 500, 24000 // 70
    return 24000 / (least + int(np.argmax(correlation[least:most])))


async def running(server: Server) -> int:
    """How many texts its worker speaks."""
    model = await call(server, "GetModel", models_pb2.GetModelRequest(model_id="hibari"))
    return model.loaded.active_sequences


async def to_its_end(stream: AsyncGenerator[Any]) -> None:
    async for _ in stream:
        pass


async def refused(calling: Awaitable[Any]) -> ErrorInfo:
    """Why a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await calling
    return details(raised.value)["ErrorInfo"]


async def test_a_voice_is_listed_with_all_that_is_known_of_it(server: Server) -> None:
    listed = await call(server, "ListVoices", ListVoicesRequest())
    british = await call(server, "ListVoices", ListVoicesRequest(language="en-GB"))
    chinese = await call(server, "ListVoices", ListVoicesRequest(language="zh"))
    of_model = await call(server, "ListVoices", ListVoicesRequest(model="hibari"))

    (voice,) = [one for one in listed.voices if one.model == "hibari"]
    assert voice.voice_id == "hibari:heart"
    assert (voice.language, voice.gender, voice.sample_rate) == ("en-US", "female", 24000)
    assert voice.license == "Apache-2.0"
    assert "Kokoro-82M" in voice.origin
    assert voice.repeatable
    assert [one for one in listed.voices if one.default] == [voice]
    assert voice in british.voices, "another English will do"
    assert voice not in chinese.voices
    assert list(of_model.voices) == [voice]


async def test_the_same_request_sounds_the_same(server: Server) -> None:
    request = SynthesizeRequest(text="Hello there, world.")

    first = await call(server, "Synthesize", request)
    again = await call(server, "Synthesize", request)
    other = await call(server, "Synthesize", SynthesizeRequest(text=request.text, seed=7))

    assert (first.model, first.voice) == ("hibari", "hibari:heart")
    assert (first.format, first.media_type) == (SynthesizeRequest.WAV, "audio/wav")
    assert first.characters == len(request.text)
    assert list(first.device_ids) == ["cpu_0"]
    sound = samples(first.audio)
    assert first.duration.ToMilliseconds() == len(sound) * 1000 // 24000
    assert 1 < len(sound) / 24000 < 4
    assert int(np.abs(sound).max()) > 2000, "it is no silence"
    assert 0 < first.timings.first_ms <= first.timings.total_ms
    assert again.audio == first.audio
    assert other.audio != first.audio


async def test_speed_pitch_and_rate_are_as_asked(server: Server) -> None:
    async def said(**asked: Any) -> speech_pb2.SynthesizeResponse:
        return await call(
            server, "Synthesize", SynthesizeRequest(text="One, two, three, four.", **asked)
        )

    plain, slow, high, low_rate = await asyncio.gather(
        said(), said(speed=0.5), said(pitch=1.5), said(sample_rate=16000)
    )

    assert 1.6 < len(slow.audio) / len(plain.audio) < 2.4
    assert 0.9 < len(high.audio) / len(plain.audio) < 1.1
    assert 1.3 < pitch(samples(high.audio)) / pitch(samples(plain.audio)) < 1.7
    assert low_rate.sample_rate == 16000
    shorter = len(samples(low_rate.audio, 16000)) / len(samples(plain.audio))
    assert shorter == pytest.approx(2 / 3, abs=0.01)


async def test_a_stream_tells_who_speaks_then_sound_and_progress(server: Server) -> None:
    text = "Hello there. How are you today?\n\nGoodbye!"

    events = [
        event async for event in streamed(server, "StreamSynthesize", SynthesizeRequest(text=text))
    ]

    kinds = [event.WhichOneof("event") for event in events]
    assert (kinds[0], kinds[-1]) == ("start", "finish")
    assert events[0].start.characters == len(text)
    progress = [event.progress for event in events if event.HasField("progress")]
    assert [one.characters for one in progress] == [12, 31, len(text)]
    durations = [one.duration.ToMilliseconds() for one in progress]
    assert durations == sorted(durations)
    assert kinds.index("audio") < kinds.index("progress"), "the first sentence sounds at once"
    finish = events[-1].finish
    assert finish.characters == len(text)
    assert finish.duration == progress[-1].duration
    audio = b"".join(event.audio for event in events)
    assert audio[4:8] == b"\xff\xff\xff\xff", "nobody knows how long it becomes"
    assert len(audio) == 44 + 2 * 24 * durations[-1]


async def test_ssml_changes_how_it_is_said(server: Server) -> None:
    async def said(inner: str) -> int:
        request = SynthesizeRequest(text=f"<speak>{inner}</speak>", ssml=True)
        return len((await call(server, "Synthesize", request)).audio) // 2

    plain, paused, quick = await asyncio.gather(
        said("Hello there, my friend."),
        said("Hello there, <break time='2s'/> my friend."),
        said("<prosody rate='200%'>Hello there, my friend.</prosody>"),
    )

    assert 1.5 < (paused - plain) / 24000 < 2.5
    assert quick < 0.8 * plain


@pytest.mark.parametrize(
    ("text", "part", "position"),
    [("Say 你好 to them.", "你好", "4"), ("Fine. Good. 😀", "😀", "12"), ("...", "...", "0")],
)
async def test_what_the_voice_can_not_say_is_an_error_before_any_sound(
    server: Server, text: str, part: str, position: str
) -> None:
    request = SynthesizeRequest(text=text, model="hibari")

    error = await refused(call(server, "Synthesize", request))
    streams = await refused(anext(streamed(server, "StreamSynthesize", request)))

    assert streams == error, "not even a start comes before"
    assert (error.metadata["text"], error.metadata["position"]) == (part, position)
    assert error.reason == "TEXT_UNSPEAKABLE"


async def test_what_is_no_voice_no_model_or_no_ssml_is_told(server: Server) -> None:
    reasons = {
        "VOICE_NOT_FOUND": SynthesizeRequest(text="Hi", voice="nobody"),
        "MODEL_NOT_FOUND": SynthesizeRequest(text="Hi", model="nothing"),
        "MODEL_KIND_WRONG": SynthesizeRequest(text="Hi", model="funland-tiny"),
        "SSML_INVALID": SynthesizeRequest(text="<speak><audio/></speak>", ssml=True),
    }

    for name, request in reasons.items():
        error = await refused(call(server, "Synthesize", request))
        assert error.reason == name
    user = inference_pb2.Message(role=inference_pb2.Message.USER)
    chat = inference_pb2.ChatRequest(model="hibari", messages=[user])
    error = await refused(call(server, "Chat", chat))
    assert error.metadata == {"model": "hibari", "kind": "SPEECH", "needed": "TEXT"}


async def test_of_a_batch_each_is_answered_by_itself(server: Server) -> None:
    request = BatchSynthesizeRequest(
        requests=[
            SynthesizeRequest(text="One."),
            SynthesizeRequest(text="二", model="hibari"),
            SynthesizeRequest(text="Three.", voice="en"),
        ]
    )

    results = (await call(server, "BatchSynthesize", request)).results

    assert [one.WhichOneof("outcome") for one in results] == ["response", "error", "response"]
    assert results[1].error.metadata["text"] == "二"
    assert len(samples(results[2].response.audio))


async def test_an_answer_has_its_limit_and_a_stream_none(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funland_server.speech.domain.LARGEST_ANSWER", 150_000)
    server = Server(settings)
    await server.start()
    request = SynthesizeRequest(text="This goes on for longer than three seconds. " * 2)

    error = await refused(call(server, "Synthesize", request))
    batch = BatchSynthesizeRequest(requests=[request, SynthesizeRequest(text="Hi.")])
    results = (await call(server, "BatchSynthesize", batch)).results
    events = [event async for event in streamed(server, "StreamSynthesize", request)]
    await server.stop(0)

    assert error.metadata == {"limit_bytes": "150000"}
    assert [one.WhichOneof("outcome") for one in results] == ["error", "response"]
    assert sum(len(event.audio) for event in events) > 150_000


async def test_a_stream_that_is_left_stops_its_worker_and_leaves_it_to_others(
    server: Server,
) -> None:
    stream = streamed(server, "StreamSynthesize", SynthesizeRequest(text=BOOK))
    spoken = 0
    async with aclosing(stream) as events:
        while not spoken:
            spoken = (await anext(events)).progress.characters

    async with asyncio.timeout(SECONDS):
        while await running(server):  # noqa: ASYNC110 - what it waits for has no event of its own
            await asyncio.sleep(0.001)
    assert 0 < spoken < len(BOOK) / 10
    assert (await call(server, "Synthesize", SynthesizeRequest(text="Still here."))).audio


async def test_a_slow_listener_keeps_nobody_waiting(server: Server) -> None:
    request = SynthesizeRequest(text=BOOK)
    async with (
        aclosing(streamed(server, "StreamSynthesize", request)) as one,
        aclosing(streamed(server, "StreamSynthesize", request)) as two,
        aclosing(streamed(server, "StreamSynthesize", request)) as three,
    ):
        for stream in (one, two, three):
            assert (await anext(stream)).HasField("start")

        assert (await call(server, "Synthesize", SynthesizeRequest(text="My turn."))).audio


async def test_a_worker_that_is_killed_ends_its_streams_and_is_replaced(server: Server) -> None:
    stream = streamed(server, "StreamSynthesize", SynthesizeRequest(text=BOOK))
    while not (await anext(stream)).HasField("progress"):
        pass
    (worker,) = children()

    worker.kill()
    error = await refused(to_its_end(stream))

    assert error.reason == "WORKER_LOST"
    await until(lambda: worker not in children())
    assert (await call(server, "Synthesize", SynthesizeRequest(text="Back again."))).audio


async def test_speech_is_counted(settings: ServerSettings) -> None:
    server = Server(settings)
    await server.start()
    spoken = await call(server, "Synthesize", SynthesizeRequest(text="Count me."))

    text = (await call(server, "GetMetrics", GetMetricsRequest())).data.decode()
    await server.stop(0)

    assert 'funland_spoken_characters_total{model="hibari"} 9.0' in text
    seconds = spoken.duration.ToMilliseconds() / 1000
    assert f'funland_spoken_seconds_total{{model="hibari"}} {seconds}' in text
    assert 'funland_time_to_first_sound_seconds_count{model="hibari"} 1.0' in text

"""Speech, with one body over gRPC and over native REST."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import pytest
import soundfile

from funland.v1.speech_pb2 import (
    BatchSynthesizeRequest,
    ListVoicesRequest,
    SynthesizeRequest,
    TranscribeRequest,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.e2e.wires import Refused, Wire, wire_to

TINY: Final = "whisper-tiny.en"
WAV, PCM, FLAC, OPUS, MP3 = (
    SynthesizeRequest.WAV,
    SynthesizeRequest.PCM,
    SynthesizeRequest.FLAC,
    SynthesizeRequest.OPUS,
    SynthesizeRequest.MP3,
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(ServerSettings(home=tmp_path / "home", port=0))
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture(params=["gRPC", "REST"])
async def wire(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    async with wire_to(server, request.param) as wire:
        yield wire


async def test_voices_texts_streams_and_batches_are_the_same_on_every_wire(wire: Wire) -> None:
    voices = (await wire.call("ListVoices", ListVoicesRequest(language="en"))).voices
    request = SynthesizeRequest(text="Hello there. How are you?", voice="en-US")
    spoken = await wire.call("Synthesize", request)
    events = await wire.call("StreamSynthesize", request)
    batch = await wire.call(
        "BatchSynthesize",
        BatchSynthesizeRequest(requests=[request, SynthesizeRequest(text="你好", voice="en")]),
    )

    assert "hibari:heart" in [voice.voice_id for voice in voices]
    with wave.open(io.BytesIO(spoken.audio)) as file:
        assert file.getnframes() * 1000 // 24000 == spoken.duration.ToMilliseconds()
    assert [events[0].WhichOneof("event"), events[-1].WhichOneof("event")] == ["start", "finish"]
    streamed = b"".join(event.audio for event in events)
    assert streamed[44:] == spoken.audio[44:], "all but the lengths in the header"
    assert batch.results[0].response.audio == spoken.audio
    assert batch.results[1].error.metadata["position"] == "0"
    assert (await refusal(wire, SynthesizeRequest(text="Hi 😀"))).reason == "TEXT_UNSPEAKABLE"
    assert (await refusal(wire, SynthesizeRequest(text="a", ssml=True))).reason == "SSML_INVALID"
    too_fast = await refusal(wire, SynthesizeRequest(text="Hi", speed=5))
    assert (too_fast.reason, too_fast.fields) == ("FIELD_INVALID", ["speed"])
    stranger = SynthesizeRequest(text="Hi", voice="nobody")
    assert (await refusal(wire, stranger)).reason == "VOICE_NOT_FOUND"


async def test_recordings_are_written_down_the_same_on_every_wire(wire: Wire) -> None:
    said = "The train leaves at nine."
    sound = await wire.call("Synthesize", SynthesizeRequest(text=said, voice="en-US"))
    request = TranscribeRequest(model=TINY, audio=sound.audio, word_timestamps=True)
    heard = await wire.call("Transcribe", request)
    events = await wire.call("StreamTranscribe", request)

    assert words(heard.text) in (words(said), words("The train leaves at 9."))
    assert (heard.model, heard.language) == (TINY, "en")
    assert heard.duration == sound.duration
    assert list(heard.device_ids) == ["cpu_0"]
    timed = [word for segment in heard.segments for word in segment.words]
    assert [words(word.word) for word in timed] == [[word] for word in words(heard.text)]
    assert 0 <= timed[0].start_seconds < timed[-1].end_seconds
    assert [events[0].WhichOneof("event"), events[-1].WhichOneof("event")] == ["start", "finish"]
    assert [one.segment for one in events if one.HasField("segment")] == list(heard.segments)
    assert events[-1].finish.text == heard.text


@pytest.mark.parametrize(
    ("fields", "reason", "named"),
    [
        ({"audio": b"no sound at all"}, "AUDIO_INVALID", []),
        ({"audio": b""}, "FIELD_INVALID", ["audio"]),
        ({"file_id": "file-1"}, "FILE_NOT_FOUND", []),
        ({"audio": b"x", "language": "?"}, "FIELD_INVALID", ["language"]),
        ({"audio": b"x", "model": "nobody"}, "MODEL_NOT_FOUND", []),
        ({"audio": b"x", "model": "funland-tiny"}, "MODEL_KIND_WRONG", []),
    ],
)
async def test_recordings_that_can_not_be_written_down_are_refused_on_every_wire(
    server: Server, fields: dict[str, Any], reason: str, named: list[str]
) -> None:
    said: dict[str, Any] = {"model": TINY, **fields}
    request = TranscribeRequest(**said)
    for kind in ("gRPC", "REST"):
        async with wire_to(server, kind) as wire:
            for name in ("Transcribe", "StreamTranscribe"):
                with pytest.raises(Refused) as raised:
                    await wire.call(name, request)

                assert (raised.value.reason, raised.value.fields) == (reason, named), name


def words(text: str) -> list[str]:
    return ["".join(filter(str.isalnum, each)).lower() for each in text.split()]


async def test_every_format_is_read_by_others(wire: Wire) -> None:
    for wanted, rate, subtype in (
        (WAV, 16000, "PCM_16"), (FLAC, 48000, "PCM_16"), (OPUS, 24000, "OPUS"),
        (MP3, 22050, "MPEG_LAYER_III"),
    ):  # fmt: skip
        request = SynthesizeRequest(text="Hello there.", format=wanted, sample_rate=rate)
        spoken = await wire.call("Synthesize", request)

        with soundfile.SoundFile(io.BytesIO(spoken.audio)) as file:
            assert (file.subtype, file.channels) == (subtype, 1)
            seconds = len(file.read()) / file.samplerate
        assert (spoken.format, spoken.sample_rate) == (wanted, rate)
        assert seconds == pytest.approx(spoken.duration.ToMilliseconds() / 1000, abs=0.2)
    raw = await wire.call("Synthesize", SynthesizeRequest(text="Hello there.", format=PCM))
    assert len(raw.audio) == 2 * 24 * raw.duration.ToMilliseconds()


async def test_a_stream_that_is_left_leaves_the_voice_to_others(wire: Wire) -> None:
    book = SynthesizeRequest(text="It was a dark and stormy night in the old town. " * 500)
    async with aclosing(wire.watch("StreamSynthesize", book)) as events:
        async for event in events:
            if event.WhichOneof("event") == "progress":
                break

    assert (await wire.call("Synthesize", SynthesizeRequest(text="Still here."))).audio


async def refusal(wire: Wire, request: SynthesizeRequest) -> Refused:
    """Why a text is not spoken, which a stream tells with the same words."""
    with pytest.raises(Refused) as one:
        await wire.call("Synthesize", request)
    with pytest.raises(Refused) as other:
        await wire.call("StreamSynthesize", request)
    assert str(one.value) == str(other.value)
    return one.value

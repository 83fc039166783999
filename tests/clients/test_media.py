"""Speech and pictures as the client asks for them, with a server that is told what to say."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from funland.v1.files_pb2 import DeleteFileRequest, File, UploadFileRequest
from funland.v1.images_pb2 import (
    GenerateImagesRequest,
    GenerateImagesResponse,
    Image,
    ImageAdapter,
    ImageEvent,
    ImageFinish,
)
from funland.v1.speech_pb2 import (
    ListVoicesRequest,
    ListVoicesResponse,
    SpeechEvent,
    SpeechFinish,
    SpeechStart,
    SynthesizeRequest,
    SynthesizeResponse,
    TranscribeLiveRequest,
    TranscribeRequest,
    Transcript,
    TranscriptEvent,
    TranscriptFinish,
    TranscriptSegment,
    TranscriptStart,
    Voice,
)
from funland.v1.tasks_pb2 import SubmitTaskRequest, Task
from funland_client import AsyncFunland, Funland
from funland_client.errors import (
    FormatUnavailableError,
    InvalidRequestError,
    StreamBrokenError,
    TextUnspeakableError,
    VoiceNotFoundError,
)
from funland_client.subtitles import srt, vtt
from tests.scripted_server import Refusal, ScriptedServer, serving

SOUND = [
    SpeechEvent(start=SpeechStart(voice="hibari:heart")),
    SpeechEvent(audio=b"one "),
    SpeechEvent(audio=b"two"),
    SpeechEvent(finish=SpeechFinish(characters=5)),
]
HEARD = [
    TranscriptEvent(start=TranscriptStart(model="whisper")),
    TranscriptEvent(partial=TranscriptSegment(text="Hell")),
    TranscriptEvent(segment=TranscriptSegment(text="Hello.")),
    TranscriptEvent(segment=TranscriptSegment(text="你好。")),
    TranscriptEvent(segment=TranscriptSegment(text="Bye.")),
    TranscriptEvent(finish=TranscriptFinish(text="Hello.你好。Bye.")),
]
LARGE = bytes(5 << 20)


def upload(requests: Iterator[UploadFileRequest]) -> Iterator[File]:
    content = b"".join(request.data for request in requests)
    yield File(file_id="kept", sha256=hashlib.sha256(content).hexdigest())


def live(requests: Iterator[TranscribeLiveRequest]) -> Iterator[TranscriptEvent]:
    for _ in requests:
        pass
    yield from HEARD


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving(
        ListVoices=ListVoicesResponse(voices=[Voice(voice_id="v")]),
        Synthesize=SynthesizeResponse(audio=b"one two"),
        StreamSynthesize=lambda _: iter(SOUND),
        Transcribe=Transcript(text="Hello."),
        StreamTranscribe=lambda _: iter(HEARD),
        TranscribeLive=live,
        UploadFile=upload,
        DeleteFile=Empty(),
        GenerateImages=GenerateImagesResponse(images=[Image(data=b"png")]),
        StreamGenerateImages=lambda _: iter([ImageEvent(finish=ImageFinish())]),
        SubmitTask=Task(task_id="task-1"),
    ) as server:
        yield server


def test_requests_are_made_of_arguments(server: ScriptedServer) -> None:
    with Funland(server.address) as client:
        assert client.speech.voices("en", "m")[0].voice_id == "v"
        assert client.speech.speak("Hi", "zh", format="mp3", speed=2, seed=0).audio == b"one two"
        assert client.speech.transcribe(b"RIFF", "m", language="en", translate=True).text
        made = client.images.paint(
            "a cat", "m", image=b"png", width=64, seed=7, adapters={"a": 0.5}, scheduler="ddim"
        )

    assert made.images[0].data == b"png"
    assert server.requests == [
        ListVoicesRequest(language="en", model="m"),
        SynthesizeRequest(
            text="Hi", voice="zh", format=SynthesizeRequest.MP3, speed=2, seed=0
        ),
        TranscribeRequest(
            model="m", audio=b"RIFF", language="en", task=TranscribeRequest.TRANSLATE
        ),
        GenerateImagesRequest(
            model="m", prompt="a cat", image=b"png", width=64, seed=7,
            adapters=[ImageAdapter(adapter_id="a", scale=0.5)],
            scheduler=GenerateImagesRequest.DDIM,
        ),
    ]  # fmt: skip


def test_what_nobody_waits_for_is_submitted(server: ScriptedServer) -> None:
    with Funland(server.address) as client:
        client.tasks.submit_speak("Hi", "v", format="flac")
        client.tasks.submit_transcribe("f", language="en", task={"priority": 3})
        client.tasks.submit_paint("a cat", image_file_id="f", n=2)

    works = [each.work for each in server.requests if isinstance(each, SubmitTaskRequest)]
    assert works[0].speech == SynthesizeRequest(text="Hi", voice="v", format=SynthesizeRequest.FLAC)
    assert works[1].transcription == TranscribeRequest(file_id="f", language="en")
    assert works[2].images == GenerateImagesRequest(prompt="a cat", image_file_id="f", n=2)


def test_sound_comes_as_it_is_spoken_and_is_saved_whole(
    server: ScriptedServer, tmp_path: Path
) -> None:
    with Funland(server.address) as client:
        with client.speech.stream_speak("Hello") as stream:
            assert [*stream] == [b"one ", b"two"]
            assert stream.complete
            assert stream.start is not None
        with client.speech.stream_speak("Hello") as stream:
            place = stream.save(tmp_path / "a.wav")

    assert place.read_bytes() == b"one two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


async def test_sound_that_breaks_off_leaves_no_file(server: ScriptedServer, tmp_path: Path) -> None:
    server.answers["StreamSynthesize"] = lambda _: iter(SOUND[:2])

    async with AsyncFunland(server.address) as client:
        async with client.speech.stream_speak("Hello") as stream:
            with pytest.raises(StreamBrokenError):
                await stream.save(tmp_path / "a.wav")
        with pytest.raises(StreamBrokenError):
            await client.speech.stream_speak("Hello").read()

    assert files_in(tmp_path) == []


def files_in(folder: Path) -> list[str]:
    """The names of the files in a folder."""
    return [path.name for path in folder.iterdir()]


def test_a_transcript_comes_by_its_parts(server: ScriptedServer) -> None:
    with Funland(server.address) as client, client.speech.stream_transcribe(b"RIFF") as stream:
        pieces = [*stream]

    assert "".join(pieces) == stream.text == "Hello.你好。Bye."
    assert [segment.text for segment in stream.segments] == ["Hello.", "你好。", "Bye."]
    assert stream.partial is None


async def test_a_long_recording_is_kept_for_the_time_of_the_call(
    server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(LARGE)

    async with AsyncFunland(server.address) as client:
        await client.speech.transcribe(LARGE)
        assert kinds(server) == ["UploadFileRequest", "TranscribeRequest", "DeleteFileRequest"]
        server.requests.clear()
        async with await client.speech.stream_transcribe(path) as stream:
            assert not any(isinstance(each, DeleteFileRequest) for each in server.requests)
            assert [piece async for piece in stream]
        assert kinds(server) == ["UploadFileRequest", "TranscribeRequest", "DeleteFileRequest"]

    asked = [each for each in server.requests if isinstance(each, TranscribeRequest)]
    assert asked == [TranscribeRequest(file_id="kept")]


def kinds(server: ScriptedServer) -> list[str]:
    """The kinds of the requests that came, in their order."""
    return [*dict.fromkeys(type(each).__name__ for each in server.requests)]


def test_a_recording_goes_when_its_call_fails(server: ScriptedServer) -> None:
    def refuse(_: Any) -> Transcript:
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "FORMAT_UNAVAILABLE", "no")

    server.answers["Transcribe"] = refuse
    with Funland(server.address) as client, pytest.raises(FormatUnavailableError):
        client.speech.transcribe(LARGE)

    assert isinstance(server.requests[-1], DeleteFileRequest)


async def test_what_is_said_now_is_sent_in_parts_after_how_to_hear_it(
    server: ScriptedServer,
) -> None:
    async def sound() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with AsyncFunland(server.address) as client:
        stream = client.speech.transcribe_live(sound(), "m", language="en", partials=True)
        async with stream:
            assert [piece async for piece in stream] == ["Hello.", "你好。", "Bye."]
    said = [each for each in server.requests if isinstance(each, TranscribeLiveRequest)]
    server.requests.clear()
    with (
        Funland(server.address) as client,
        client.speech.transcribe_live(
            iter([b"one", b"two"]), "m", language="en", partials=True
        ) as stream,
    ):
        assert len([*stream]) == 3

    assert said == server.requests
    assert said[0].config.partials
    assert [each.audio for each in said[1:]] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "TEXT_UNSPEAKABLE", TextUnspeakableError),
        (grpc.StatusCode.NOT_FOUND, "VOICE_NOT_FOUND", VoiceNotFoundError),
    ],
)
def test_what_can_go_wrong_has_a_class(
    server: ScriptedServer, code: grpc.StatusCode, reason: str, error: type[Exception]
) -> None:
    def refuse(_: Any) -> SynthesizeResponse:
        raise Refusal(code, reason, "no")

    server.answers["Synthesize"] = refuse
    with Funland(server.address) as client, pytest.raises(error):
        client.speech.speak("Hello")


def test_what_is_no_argument_is_named() -> None:
    with Funland("127.0.0.1:1") as client:
        wrong: Any = client.images.paint
        with pytest.raises(TypeError, match="did you mean 'steps'"):
            wrong("a cat", step=3)
        with pytest.raises(InvalidRequestError, match="format"):
            client.speech.speak("Hi", format="ogg")  # pyright: ignore[reportArgumentType] - wrong


def test_subtitles() -> None:
    segments = [
        TranscriptSegment(start_seconds=0, end_seconds=1.5, text=" a <b>\n\nc "),
        TranscriptSegment(start_seconds=3661.25, end_seconds=3662, text="d"),
    ]

    assert srt(segments) == (
        "1\n00:00:00,000 --> 00:00:01,500\na <b>\nc\n\n"
        "2\n01:01:01,250 --> 01:01:02,000\nd\n\n"
    )  # fmt: skip
    assert vtt(segments) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na &lt;b&gt;\nc\n\n"
        "01:01:01.250 --> 01:01:02.000\nd\n\n"
    )

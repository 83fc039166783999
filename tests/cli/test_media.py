"""Voices, speech, hearing and pictures as a user sees them, at a server told what to say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from PIL import Image as Picture
from typer.testing import CliRunner, Result

from funland.v1.files_pb2 import File, UploadFileRequest
from funland.v1.images_pb2 import (
    GenerateImagesRequest,
    Image,
    ImageDone,
    ImageEvent,
    ImageFinish,
    ImageProgress,
    ImageStart,
)
from funland.v1.models_pb2 import ListModelsResponse, Model
from funland.v1.speech_pb2 import (
    ListVoicesResponse,
    SpeechEvent,
    SpeechFinish,
    SpeechProgress,
    SpeechStart,
    SynthesizeRequest,
    TranscribeLiveRequest,
    TranscribeRequest,
    TranscriptEvent,
    TranscriptFinish,
    TranscriptSegment,
    TranscriptStart,
    Voice,
)
from funland.v1.tasks_pb2 import SubmitTaskRequest, Task
from funland_cli import inline_pictures, programs
from funland_cli.failures import CommandError
from funland_cli.main import app
from funland_cli.places import (
    check_place,
    format_of,
    free_place,
    name_from,
    numbered,
    written,
)
from tests.scripted_server import Answer, Refusal, ScriptedServer, serving

SOUND = [
    SpeechEvent(start=SpeechStart(voice="hibari:heart", characters=4)),
    SpeechEvent(audio=b"one "),
    SpeechEvent(progress=SpeechProgress(characters=2)),
    SpeechEvent(audio=b"two"),
    SpeechEvent(finish=SpeechFinish(characters=4, duration=Duration(seconds=65))),
]
HEARD = [
    TranscriptEvent(start=TranscriptStart(model="whisper", duration=Duration(seconds=3))),
    TranscriptEvent(segment=TranscriptSegment(start_seconds=0, end_seconds=1, text="Hello.")),
    TranscriptEvent(segment=TranscriptSegment(start_seconds=1, end_seconds=2.5, text="Bye.")),
    TranscriptEvent(finish=TranscriptFinish(text="Hello. Bye.", language="en")),
]


def png(colour: str) -> bytes:
    file = BytesIO()
    Picture.new("RGB", (4, 4), colour).save(file, "PNG")
    return file.getvalue()


PICTURES = [
    Image(data=png("red"), width=64, height=64, seed=7, painted_width=16, painted_height=16),
    Image(data=png("blue"), width=64, height=64, seed=8, painted_width=64, painted_height=64),
]


def spoken(_: SynthesizeRequest) -> Iterator[SpeechEvent]:
    yield from SOUND


def heard(_: TranscribeRequest) -> Iterator[TranscriptEvent]:
    yield from HEARD


def paint(request: GenerateImagesRequest) -> Iterator[ImageEvent]:
    count = request.n or 1
    yield ImageEvent(start=ImageStart(n=count, steps=2))
    for index in range(count):
        yield ImageEvent(progress=ImageProgress(index=index, step=1, steps=2))
        yield ImageEvent(image=ImageDone(index=index, image=PICTURES[index]))
    yield ImageEvent(finish=ImageFinish())


def upload(requests: Iterator[UploadFileRequest]) -> Iterator[File]:
    content = b"".join(request.data for request in requests)
    yield File(file_id="kept", sha256=hashlib.sha256(content).hexdigest())


def live(requests: Iterator[TranscribeLiveRequest]) -> Iterator[TranscriptEvent]:
    for _ in requests:
        pass
    yield from HEARD


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedServer]:
    with serving() as server:
        yield server


@pytest.fixture
def server(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ScriptedServer:
    """One that speaks, hears and paints; the command runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    scripted.requests.clear()
    answers: dict[str, Message | Answer] = {
        "ListVoices": ListVoicesResponse(
            voices=[
                Voice(
                    voice_id="hibari:heart", language="en-US", sample_rate=24000, default=True,
                    license="Apache-2.0",
                )
            ]
        ),
        "ListModels": ListModelsResponse(
            models=[Model(model_id="hibari", kind=Model.SPEECH), Model(model_id="later")]
        ),
        "StreamSynthesize": spoken,
        "StreamTranscribe": heard,
        "TranscribeLive": live,
        "StreamGenerateImages": paint,
        "UploadFile": upload,
        "DeleteFile": Empty(),
        "SubmitTask": Task(task_id="task-1"),
    }  # fmt: skip
    scripted.answers = answers
    return scripted


def run(server: ScriptedServer, *arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(
        app, [*arguments], input=stdin, env={"FUNLAND_SERVER": server.address}
    )


def test_voices_are_listed_with_what_is_known_of_them(server: ScriptedServer) -> None:
    result = run(server, "voices")

    assert result.stdout.split() == [
        "VOICE", "NAME", "LANGUAGE", "GENDER", "RATE", "LICENSE", "FROM",
        "hibari:heart", "(default)", "en-US", "24", "kHz", "Apache-2.0",
    ]  # fmt: skip
    assert json.loads(run(server, "voices", "--json").stdout)["voices"][0]["sample_rate"] == 24000


def test_models_are_listed_with_what_they_are_for(server: ScriptedServer) -> None:
    lines = run(server, "models", "list").stdout.splitlines()

    assert lines[0].split()[:2] == ["MODEL", "KIND"]
    assert lines[1].split()[:2] == ["hibari", "speech"]


def test_a_pipe_gets_the_sound_as_wav(server: ScriptedServer) -> None:
    result = run(server, "say", "-", "--voice", "zh-CN", "--speed", "1.5", stdin="Hello\n")

    assert (result.exit_code, result.stdout_bytes) == (0, b"one two")
    assert server.requests == [
        SynthesizeRequest(text="Hello\n", voice="zh-CN", speed=1.5, format=SynthesizeRequest.WAV)
    ]


def test_a_files_name_says_how_the_sound_is_written(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear you", "utf-8")

    result = run(server, "say", "@letter.txt", "-o", "letter.mp3")

    assert result.stdout == "letter.mp3: 1 min 5 s by hibari:heart, 7 B\n"
    assert (tmp_path / "letter.mp3").read_bytes() == b"one two"
    assert server.requests == [SynthesizeRequest(text="Dear you", format=SynthesizeRequest.MP3)]
    told = json.loads(run(server, "say", "Hi", "-o", "a.opus", "--json").stdout)
    assert (told["path"], told["voice"], told["duration"]) == ("a.opus", "hibari:heart", "65s")


def test_what_can_not_be_said_leaves_no_file(server: ScriptedServer, tmp_path: Path) -> None:
    def refuse(_: Any) -> Iterator[SpeechEvent]:
        yield from SOUND[:2]
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "TEXT_UNSPEAKABLE", "It can't say that.")

    server.answers["StreamSynthesize"] = refuse

    result = run(server, "say", "你好", "-o", "a.wav")

    assert (result.exit_code, [*tmp_path.iterdir()]) == (1, [])
    assert "It can't say that." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("say", "Hi", "-o", "a.doc"), "says how it is to be written"),
        (("say", "@nothing.txt"), "can't be read"),
        (("say", "Hi", "--json"), "--json needs --output"),
        (("say", "Hi", "--play", "-o", "a.wav"), "--play writes no file"),
        (("listen",), "Name a recording"),
        (("listen", "nothing.wav"), "is no file"),
        (("listen", "a.wav", "--live"), "--live has no recording"),
        (("paint", "a cat", "-o", "a.gif"), "says how it is to be written"),
        (("paint", "a cat", "--size", "big"), "must be as 512x512"),
        (("paint", "a cat", "-n", "2"), "A pipe takes one picture"),
        (("paint", "a cat", "--image", "nothing.png", "-o", "a.png"), "can't be read"),
        (("paint", "a cat", "-o", "nowhere/a.png"), "nowhere/a.png can't be written: There is no"),
        (("say", "Hi", "-o", "nowhere/a.wav"), "nowhere/a.wav can't be written: There is no"),
    ],
)
def test_wrong_usage_is_told(
    server: ScriptedServer, arguments: tuple[str, ...], words: str
) -> None:
    result = run(server, *arguments)

    assert result.exit_code == 2
    assert words in result.stderr
    assert server.requests == []


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ("text", "Hello.\nBye.\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:01,000\nHello.\n\n2\n00:00:01,000 --> "
                "00:00:02,500\nBye.\n\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello.\n\n00:00:01.000 --> "
                "00:00:02.500\nBye.\n\n"),
    ],
)  # fmt: skip
def test_what_is_said_is_written_down(
    server: ScriptedServer, tmp_path: Path, shape: str, told: str
) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")

    result = run(server, "listen", "a.wav", "--format", shape, "--language", "en")

    assert (result.exit_code, result.stdout) == (0, told)
    asked = [each for each in server.requests if isinstance(each, TranscribeRequest)]
    task = TranscribeRequest.TRANSCRIBE
    assert asked == [TranscribeRequest(file_id="kept", language="en", task=task)]


def test_what_is_said_is_written_as_one_document_or_as_events(server: ScriptedServer) -> None:
    whole = json.loads(run(server, "listen", "-", "--format", "json", stdin=b"RIFF").stdout)
    events = run(server, "listen", "-", "--json", stdin=b"RIFF").stdout.splitlines()

    assert (whole["text"], whole["language"]) == ("Hello. Bye.", "en")
    assert [segment["text"] for segment in whole["segments"]] == ["Hello.", "Bye."]
    assert [next(iter(json.loads(line))) for line in events] == [
        "start", "segment", "segment", "finish",
    ]  # fmt: skip


def test_what_is_said_now_comes_over_a_pipe_in_parts(server: ScriptedServer) -> None:
    result = run(server, "listen", "--live", "-", "--prompt", "Felix", stdin=bytes(7000))

    assert (result.exit_code, result.stdout) == (0, "Hello.\nBye.\n")
    said = [each for each in server.requests if isinstance(each, TranscribeLiveRequest)]
    assert said[0].config.prompt == "Felix"
    assert [len(each.audio) for each in said[1:]] == [3200, 3200, 600]


def test_pictures_are_written_under_the_names_that_are_wanted(
    server: ScriptedServer, tmp_path: Path
) -> None:
    result = run(
        server, "paint", "a cat", "-o", "cat.png", "-n", "2", "--size", "64x32", "--seed", "7",
        "--steps", "4", "--upscale",
    )  # fmt: skip

    sizes = [len(picture.data) for picture in PICTURES]
    assert result.stdout == (
        f"cat-1.png: 64x64, enlarged from 16x16, seed 7, {sizes[0]} B\n"
        f"cat-2.png: 64x64, seed 8, {sizes[1]} B\n"
    )
    assert (tmp_path / "cat-1.png").read_bytes() == PICTURES[0].data
    assert server.requests == [
        GenerateImagesRequest(
            prompt="a cat", n=2, width=64, height=32, seed=7, steps=4, upscale=True,
            format=Image.PNG,
        )
    ]  # fmt: skip


def test_a_picture_goes_into_a_pipe_and_what_it_begins_with_along(
    server: ScriptedServer, tmp_path: Path
) -> None:
    (tmp_path / "me.png").write_bytes(b"me")

    result = run(server, "paint", "-", "--image", "me.png", "--strength", "0.5", stdin="a hat")

    assert result.stdout_bytes == PICTURES[0].data
    request = server.requests[0]
    assert isinstance(request, GenerateImagesRequest)
    assert (request.prompt, request.image, request.strength) == ("a hat", b"me", 0.5)


def test_programs_are_told_of_pictures_without_their_content(server: ScriptedServer) -> None:
    result = run(server, "paint", "Ein Häuschen, rot", "--json")

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [next(iter(event)) for event in events] == [
        "start", "progress", "image", "finish", "path",
    ]  # fmt: skip
    assert events[-1]["path"] == "ein-häuschen-rot.png"
    assert events[2]["image"]["image"]["data"] == ""
    assert Path("ein-häuschen-rot.png").read_bytes() == PICTURES[0].data


def test_a_broken_picture_leaves_no_file(server: ScriptedServer, tmp_path: Path) -> None:
    server.answers["StreamGenerateImages"] = lambda _: iter([ImageEvent(start=ImageStart(n=1))])

    result = run(server, "paint", "a cat", "-o", "a.png")

    assert (result.exit_code, [*tmp_path.iterdir()]) == (1, [])
    assert "before all pictures were done" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "work"),
    [
        (("say", "Hi", "-o", "a.mp3"), "speech"),
        (("listen", "a.wav"), "transcription"),
        (("paint", "a cat", "--image", "a.wav"), "images"),
    ],
)
def test_what_nobody_waits_for_is_a_task(
    server: ScriptedServer, tmp_path: Path, arguments: tuple[str, ...], work: Any
) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")

    result = run(server, *arguments, "--detach")

    assert (result.exit_code, result.stdout) == (0, "task-1\n")
    submitted = server.requests[-1]
    assert isinstance(submitted, SubmitTaskRequest)
    assert submitted.work.HasField(work)


def stand_in(folder: Path, name: str, script: str) -> None:
    """A program of that name that does what a script says."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)


def test_a_player_gets_all_of_the_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "aplay", f"exec /bin/cat > {tmp_path}/played")
    monkeypatch.setenv("PATH", str(tmp_path))
    command = programs.player()
    assert command is not None

    with programs.playing(command) as pipe:
        pipe.write(b"one two" * 100_000)

    assert (tmp_path / "played").read_bytes() == b"one two" * 100_000


def test_a_player_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "aplay", "echo no device >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    def play() -> None:
        with programs.playing(("aplay",)) as pipe:
            pipe.write(b"one two" * 100_000)

    with pytest.raises(CommandError, match="aplay can't play it: no device"):
        play()


def test_a_recorder_is_heard_in_tenths_of_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, "arecord", "exec /usr/bin/head -c 7000 /dev/zero")
    monkeypatch.setenv("PATH", str(tmp_path))

    with programs.recording() as parts:
        assert [len(part) for part in parts] == [3200, 3200, 600]
    stand_in(tmp_path, "arecord", "echo no microphone >&2; exit 1")
    with programs.recording() as parts, pytest.raises(CommandError, match="no microphone"):
        next(parts)
    (tmp_path / "arecord").unlink()
    with pytest.raises(CommandError, match="No program that records"), programs.recording():
        pass


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A red house!", "a-red-house"),
        ("你好 世界", "你好-世界"),
        ("../../etc/passwd", "etc-passwd"),
        ("?!", "picture"),
        ("x" * 99, "x" * 40),
        ("one two three four five six seven eight nine", "one-two-three-four-five-six-seven-eight"),
    ],
)
def test_a_name_is_made_of_a_texts_first_words(text: str, name: str) -> None:
    assert name_from(text, "picture") == name


def test_what_can_not_be_written_is_told_with_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "a.png"
    folder.mkdir()

    with pytest.raises(CommandError, match=r"a\.png can't be written: Is a directory"):
        check_place(folder)
    with pytest.raises(CommandError, match=r"a\.png can't be written"), written(folder) as file:
        file.write(b"picture")
    assert [*tmp_path.iterdir()] == [folder]


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "speech.wav").touch()
    (tmp_path / "speech-2.wav").touch()

    assert free_place("speech", ".wav", tmp_path) == tmp_path / "speech-3.wav"
    assert free_place("other", ".wav", tmp_path) == tmp_path / "other.wav"
    assert numbered(Path("a/b.png"), 1) == [Path("a/b.png")]
    assert numbered(Path("a/b.png"), 2) == [Path("a/b-1.png"), Path("a/b-2.png")]
    assert format_of("A.MP3", {".mp3": "mp3"}) == "mp3"


@pytest.mark.parametrize(
    ("environment", "how"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"KITTY_WINDOW_ID": "1", "TERM": "xterm-256color"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM_PROGRAM": "iTerm.app", "TMUX": "x"}, None),
        ({"TERM": "xterm-kitty", "STY": "x"}, None),
        ({"TERM": "xterm"}, None),
        ({}, None),
    ],
)
def test_a_terminal_says_how_it_takes_pictures(
    environment: dict[str, str], how: str | None
) -> None:
    assert inline_pictures.protocol(environment) == how


def test_pictures_are_told_to_terminals_in_their_way() -> None:
    assert inline_pictures.escaped(b"png", "iterm2") == (
        "\x1b]1337;File=inline=1;size=3:cG5n\a\n"
    )  # fmt: skip
    assert inline_pictures.escaped(b"png", "kitty") == "\x1b_Ga=T,f=100,q=2,m=0;cG5n\x1b\\\n"
    long = inline_pictures.escaped(bytes(6000), "kitty")
    assert long.count("\x1b_G") == 2
    assert "m=1;" in long
    assert "\x1b_Gm=0;" in long

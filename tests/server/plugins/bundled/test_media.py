"""The plugins that speak, hear and paint, with real models; and what strangers may hear."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image as Pillow

from funland.v1 import tasks_pb2
from funland.v1.files_pb2 import UploadFileRequest
from funland.v1.models_pb2 import ImportModelRequest
from funland.v1.plugins_pb2 import ExecutePluginRequest
from funland.worker.v1.worker_pb2 import Job, JobEvent
from funland_plugin import Segment
from funland_plugin.bundled.speech_to_text.plugin import recording
from funland_plugin.bundled.speech_to_text.subtitles import srt, vtt
from funland_plugin.bundled.text_to_image.plugin import prompt, size
from funland_plugin.bundled.text_to_speech.plugin import MOST_INSIDE, inside
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.workers.worker import Worker
from tests.server.conftest import METHODS, call
from tests.server.plugins.conftest import MISSING, Write, execute, install, reason, refused
from tests.server.plugins.test_executing import last

pytestmark = pytest.mark.asyncio(loop_scope="module")
runs = pytest.mark.skipif(bool(MISSING), reason=f"plugins are refused here: {MISSING}")

TEXT = "The quick brown fox jumps over the lazy dog."
HEARS = {"model": "whisper-tiny.en"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, picture_model: Path
) -> AsyncIterator[Server]:
    settings = ServerSettings(home=tmp_path_factory.mktemp("server") / "home", port=0)
    server = Server(settings)
    await server.start()
    request = ImportModelRequest(path=str(picture_model), model_id="painter")
    await call(server, "ImportModel", request)
    yield server
    await server.stop(0)


async def run(server: Server, plugin_id: str, given: Any, form: str = "", **config: Any) -> Any:
    done = await execute(
        server, plugin_id, json.dumps(given), config=json.dumps(config), output_format=form
    )
    return json.loads(done.output), done


@runs
async def test_a_picture_is_painted_as_the_document_shows(server: Server) -> None:
    given = {"text": "a red barn", "style": "photorealistic", "resolution": "64x48"}

    told, done = await run(server, "text_to_image", given, "jpg", steps=2, seed=42)

    picture = Pillow.open(io.BytesIO(base64.b64decode(told["data"])))
    assert (picture.format, picture.size) == ("JPEG", (64, 48))
    assert (told["type"], told["format"], told["width"], told["height"]) == ("image", "jpg", 64, 48)
    assert (told["seed"], told["steps"]) == (42, 2)
    assert told["size"] == len(base64.b64decode(told["data"]))
    assert len(done.file_ids) == 1
    assert list(done.models) == ["painter"]


@runs
async def test_what_is_spoken_is_heard(server: Server) -> None:
    spoken, done = await run(server, "text_to_speech", {"text": TEXT}, "flac", voice="en-US")
    by_content, _ = await run(server, "speech_to_text", {"audio": spoken["data"]}, **HEARS)
    by_file, _ = await run(server, "speech_to_text", {"file_id": done.file_ids[0]}, "vtt", **HEARS)

    assert (spoken["type"], spoken["format"], spoken["voice"]) == ("audio", "flac", "hibari:heart")
    assert by_content["text"].strip().lower() == TEXT.lower()
    assert by_content["duration"] == pytest.approx(spoken["duration"], abs=0.1)
    assert by_file["text"].startswith("WEBVTT\n")
    assert "lazy dog" in by_file["text"]


@runs
async def test_what_a_model_refuses_is_the_plugins_answer(server: Server) -> None:
    speech = await refused(server, "text_to_speech", '{"text": "привет"}')
    hearing = await refused(server, "speech_to_text", '{"audio": "not base64!"}')

    assert reason(speech) == "TEXT_UNSPEAKABLE"
    assert reason(hearing) == "PLUGIN_FAILED"
    assert "input.audio is no base64" in hearing.details()


@runs
async def test_models_that_a_task_asks_serve_first_who_waits(
    server: Server, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
spoken = context.speak("Hello there.")
context.hear(spoken.data, model="whisper-tiny.en")
context.paint("a cat", steps=1)
return {}
"""
    plugin = await install(server, write("maker", body, permissions="models = true"))
    asked: list[tuple[str | None, bool]] = []
    run_job = Worker.run_job

    def told(worker: Worker, job: Job) -> AsyncGenerator[JobEvent]:
        asked.append((job.WhichOneof("work"), job.background))
        return run_job(worker, job)

    monkeypatch.setattr(Worker, "run_job", told)
    await execute(server, plugin.plugin_id)
    of_call = asked.copy()
    asked.clear()
    work = tasks_pb2.Work(plugin=ExecutePluginRequest(plugin_id=plugin.plugin_id, input="{}"))
    task = await call(server, "SubmitTask", tasks_pb2.SubmitTaskRequest(work=work))
    ended = await last(server, task.task_id)

    assert ended.state == tasks_pb2.Task.COMPLETED, ended.error
    assert of_call == [("speak", False), ("hear", False), ("paint", False)]
    assert asked == [("speak", True), ("hear", True), ("paint", True)]


async def upload(server: Server) -> str:
    async def parts() -> AsyncIterator[UploadFileRequest]:
        yield UploadFileRequest(name="secret", data=b"RIFF somebody's recording")

    file: Any = await server.channel.collect(METHODS["UploadFile"], parts(), (), None)
    return file.file_id


@runs
async def test_a_stranger_hears_no_file_that_its_caller_has_not_named(
    server: Server, write: Write
) -> None:
    file_id = await upload(server)
    body = f'return {{"text": context.hear(file_id="{file_id}").text}}'
    await install(server, write("thief", body, permissions="models = true"))

    error = await refused(server, "thief")
    named = await refused(server, "thief", json.dumps({"file": file_id}))

    assert reason(error) == "PLUGIN_DENIED"
    assert reason(named) == "AUDIO_INVALID"  # it was looked at


@runs
@pytest.mark.parametrize(
    "asked", ['context.speak("Hi")', 'context.hear(b"RIFF")', 'context.paint("a cat")']
)
async def test_who_may_not_ask_models_has_nothing_made(
    server: Server, write: Write, asked: str
) -> None:
    await install(server, write("mute", f"{asked}\nreturn {{}}"))

    error = await refused(server, "mute")

    assert reason(error) == "PLUGIN_DENIED"


@runs
async def test_a_question_is_held_against_the_contract(server: Server, write: Write) -> None:
    body = 'context.speak("Hi", speed=9.0)\nreturn {}'
    await install(server, write("fast", body, permissions="models = true"))

    error = await refused(server, "fast")

    assert reason(error) == "FIELD_INVALID"
    assert error.details().startswith("speed")


@pytest.mark.parametrize(
    ("text", "style", "told"),
    [(" a cat ", "", "a cat"), ("a cat", " oil ", "a cat, oil"), ("a cat", "  ", "a cat")],
)
async def test_a_style_stands_behind_the_text(text: str, style: str, told: str) -> None:
    assert prompt(text, style) == told


async def test_a_resolution_is_two_numbers() -> None:
    assert size("640x48") == (640, 48)
    assert size("") == (None, None)


async def test_a_long_sound_is_a_file_alone() -> None:
    assert inside(b"abc") == "YWJj"
    assert inside(bytes(MOST_INSIDE + 1)) is None


async def test_base64_is_read_or_refused() -> None:
    assert recording("YWJj") == b"abc"
    with pytest.raises(ValueError, match="is no base64"):
        recording("YWJj!")


async def test_subtitles_have_times_and_lines() -> None:
    heard = [Segment(" One <b>\n\ntwo ", 0.0, 1.5), Segment("a --> b & c", 3661.0004, 3662.9996)]

    assert srt(heard) == (
        "1\n00:00:00,000 --> 00:00:01,500\nOne <b> two\n\n"
        "2\n01:01:01,000 --> 01:01:03,000\na → b & c\n"
    )
    assert vtt(heard) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne &lt;b&gt; two\n\n"
        "01:01:01.000 --> 01:01:03.000\na → b &amp; c\n"
    )

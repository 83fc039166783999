"""The worker's process: who may call it, and when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, cast

import grpc.aio
import pytest
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2_grpc import WorkerServiceStub
from funland_server.workers.link import Link
from funland_worker.main import loaded_model
from tests import lavapipe

SECONDS = 120
_COMPILING_SECONDS = 240
"""What a program that plays a GPU may take to compile the first pass, on a busy machine."""
AUTHORIZED = (("authorization", "secret"),)


class Process:
    """A worker as its server starts it, and what it said."""

    def __init__(self, process: asyncio.subprocess.Process, address: str, link: Link) -> None:
        self.process = process
        self.address = address
        self.link = link
        self.handshake = worker_pb2.Handshake()
        self.progress: list[worker_pb2.LoadProgress] = []

    async def ended(self) -> int:
        async with asyncio.timeout(SECONDS):
            return await self.process.wait()


def launch_of(
    folder: Path, model: Path, link_descriptor: int = 0, device: str = ""
) -> worker_pb2.Launch:
    return worker_pb2.Launch(
        model_path=str(model),
        socket_path=str(folder / "s"),
        token="secret",  # noqa: S106 - a test's own
        settings=LoadSettings(slots=2, engine=LoadSettings.LLAMA_CPP),
        max_context_length=128,
        link_descriptor=link_descriptor,
        devices=[worker_pb2.LaunchDevice(device_id="gpu_0", name=device)] if device else [],
    )


async def start(
    folder: Path, model: Path, device: str = "", environment: Mapping[str, str] | None = None
) -> Process:
    link, workers_end = await Link.pair()
    with workers_end:
        launch = launch_of(folder, model, workers_end.fileno(), device)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "funland_worker.main",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=[workers_end.fileno()],
            env={**os.environ, **(environment or {})},
        )
    worker = Process(process, f"unix:{folder / 's'}", link)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json_format.MessageToJson(launch, indent=None).encode() + b"\n")
    async with asyncio.timeout(SECONDS):
        while True:
            worker.handshake.Clear()
            json_format.Parse(await process.stdout.readline(), worker.handshake)
            if not worker.handshake.HasField("progress"):
                break
            told = worker_pb2.LoadProgress()
            told.CopyFrom(worker.handshake.progress)
            worker.progress.append(told)
    return worker


@pytest.fixture
async def worker(tmp_path: Path, model_path: Path) -> AsyncIterator[Process]:
    worker = await start(tmp_path, model_path)
    yield worker
    worker.link.close()
    if worker.process.returncode is None:
        worker.process.kill()
        await worker.process.wait()


@pytest.fixture
async def stub(worker: Process) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(worker.address) as channel:
        yield WorkerServiceStub(channel)


async def test_the_thread_that_loads_a_model_leaves_openmps_threads_to_the_engine(
    tmp_path: Path, model_path: Path
) -> None:
    before = set(threading.enumerate())

    await loaded_model(launch_of(tmp_path, model_path))

    assert set(threading.enumerate()) <= before


async def test_it_tells_what_it_loaded(worker: Process) -> None:
    ready = worker.handshake.ready

    assert (ready.slots, ready.context_length, ready.threads) == (2, 128, 1)
    assert ready.can_chat
    assert ready.vocabulary_size > 0
    assert (ready.device, ready.gpu_layers, ready.layer_count) == ("CPU", 0, 8)
    assert ready.HasField("gpu_layers")
    assert not ready.device_memory
    assert (ready.key_type, ready.value_type) == (LoadSettings.F16, LoadSettings.F16)
    assert ready.cache_tokens == 2 * 128
    assert ready.HasField("flash_attention")
    assert not ready.flash_attention


async def test_it_tells_how_far_the_load_is_before_that(worker: Process) -> None:
    begun, *read, prepared = worker.progress

    assert begun == worker_pb2.LoadProgress()
    fractions = [progress.fraction for progress in read]
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 1
    assert prepared == worker_pb2.LoadProgress(fraction=1, preparing=True)


@pytest.mark.parametrize("metadata", [(), (("authorization", "guess"),), (("authorization", ""),)])
async def test_without_the_token_it_answers_nothing(stub: Any, metadata: Any) -> None:
    calls = (
        stub.Tokenize(worker_pb2.TokenizeText(text="a"), metadata=metadata),
        stub.Detokenize(worker_pb2.Tokens(tokens=[1]), metadata=metadata),
        stub.Embed(worker_pb2.EmbedTexts(inputs=["a"]), metadata=metadata),
        stub.KeepPrefixes(Empty(), metadata=metadata),
    )

    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_ctrl_c_in_the_servers_terminal_does_not_end_it(worker: Process, stub: Any) -> None:
    worker.process.send_signal(signal.SIGINT)

    answer = await stub.Tokenize(worker_pb2.TokenizeText(text="a"), metadata=AUTHORIZED)

    assert answer.tokens


async def test_it_ends_with_its_server(worker: Process) -> None:
    assert worker.process.stdin is not None

    worker.process.stdin.close()

    assert await worker.ended() == 0


async def test_a_sequence_is_accepted_or_refused_first_and_ends_once(worker: Process) -> None:
    for sequence_id, prompt in ((1, "Once"), (2, "Once " * 1000)):
        submit = worker_pb2.Submit(sequence_id=sequence_id, prompt=prompt)
        submit.sampling.max_tokens = 3
        submit.sampling.ignore_end = True
        worker.link.send(worker_pb2.Command(submit=submit))
    events: dict[int, list[worker_pb2.SequenceEvent]] = {1: [], 2: []}

    def take(step: worker_pb2.Step) -> None:
        for event in step.events:
            events[event.sequence_id].append(event)
        if events[2] and events[1] and events[1][-1].HasField("finish"):
            worker.link.close()

    async with asyncio.timeout(SECONDS):
        await worker.link.read(take)

    assert (events[1][0].tokens, events[1][0].HasField("delta")) == (0, False)
    assert sum(event.tokens for event in events[1]) == 3
    (refused,) = events[2]
    assert refused.failure.reason == ErrorReason.PROMPT_TOO_LONG


async def test_on_a_device_it_is_killed_and_another_goes_on(
    tmp_path: Path, model_path: Path
) -> None:
    texts: list[str] = []

    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        worker = await start(folder, model_path, lavapipe.NAME, lavapipe.environment())
        assert worker.handshake.ready.device == lavapipe.NAME
        assert worker.handshake.ready.device_memory[lavapipe.NAME] > 0
        texts.append(await first_words(worker))
        worker.process.kill()
        assert await worker.ended() == -signal.SIGKILL
        worker.link.close()

    assert texts[0]
    assert texts[0] == texts[1]


async def first_words(worker: Process) -> str:
    """What it writes first of a long text, which it is still writing then."""
    submit = worker_pb2.Submit(sequence_id=1, prompt="Once upon a time")
    submit.sampling.temperature = 0
    submit.sampling.ignore_end = True
    worker.link.send(worker_pb2.Command(submit=submit))
    text = ""

    def take(step: worker_pb2.Step) -> None:
        nonlocal text
        for event in step.events:
            assert not event.HasField("finish")
            text += event.delta.text
        if len(text) > 20:
            worker.link.close()

    async with asyncio.timeout(_COMPILING_SECONDS):
        await worker.link.read(take)
    return text[:20]


async def test_a_file_that_is_no_model_is_told_and_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    await asyncio.to_thread(file.write_bytes, b"GGUF\x03\0\0\0")

    worker = await start(tmp_path, file)

    assert worker.handshake.failure.reason == ErrorReason.MODEL_LOAD_FAILED
    assert "failed to read header" in worker.handshake.failure.message
    assert str(tmp_path) not in worker.handshake.failure.message
    assert await worker.ended() == 0
    worker.link.close()


async def test_what_is_no_command_ends_it(worker: Process) -> None:
    worker.link.send(cast("worker_pb2.Command", _Garbage()))

    assert await worker.ended() == 1


class _Garbage:
    def SerializeToString(self) -> bytes:
        return b"\xff"

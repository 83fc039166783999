"""The service stops in good order when it is asked to, and leaves nothing behind when it is not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from funland.v1.inference_pb2 import ChatRequest
from funland.v1.models_pb2 import WatchModelsRequest
from funland.v1.system_pb2 import GetHealthRequest, Health
from tests.faults.service import Service, as_fault, chat, connect, eventually, failure, has_ended

if TYPE_CHECKING:
    from tests.conftest import StartStack

CALLS = 6
REST_CHAT = {
    "messages": [{"role": "USER", "content": "Tell me a story."}],
    "sampling": {"max_tokens": 400, "ignore_end": True},
}


def long_chat() -> ChatRequest:
    return chat("Tell me a story.", max_tokens=400, ignore_end=True)


async def test_a_stop_lets_calls_end_and_refuses_others(start_stack: StartStack) -> None:
    # With one slot the calls run one after the other, so there is time to look around.
    stack = start_stack(FUNLAND_SERVER__SLOTS="1", FUNLAND_SERVER__DRAIN_SECONDS="60")
    async with connect(stack) as service:
        await service.say()
        processes = psutil.Process(stack.pid).children(recursive=True)
        streams = [service.inference.StreamChat(long_chat()) for _ in range(CALLS)]
        for stream in streams:
            assert (await anext(aiter(stream))).HasField("start")
        async with service.http.post("/funland/v1/chat:stream", json=REST_CHAT) as response:
            await response.content.readline()

            stack.process.send_signal(signal.SIGTERM)
            await eventually(lambda: is_stopping(service))
            refused = await failure(service.inference.Chat(chat()))
            probe: Any = health_pb2_grpc.HealthStub(service.channel)
            health = await probe.Check(health_pb2.HealthCheckRequest())
            endings = [[event async for event in stream][-1] for stream in streams]
            lines = (await response.content.read()).decode().split("\n")

    assert (refused.code, refused.reason) == ("UNAVAILABLE", "SERVER_STOPPING")
    assert health.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert [ending.finish.usage.completion_tokens for ending in endings] == [400] * CALLS
    assert "event: end" in lines
    assert await asyncio.to_thread(stack.process.wait, 30) == 0
    await eventually(all_ended(processes))


async def test_a_stop_ends_a_watch_that_would_never_end(start_stack: StartStack) -> None:
    stack = start_stack()
    async with connect(stack) as service:
        watch = service.models.WatchModels(WatchModelsRequest())
        async for event in watch:
            if event.HasField("synced"):
                break

        stack.process.send_signal(signal.SIGTERM)

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            _ = [event async for event in watch]
    assert as_fault(raised.value).reason == "SERVER_STOPPING"
    assert await asyncio.to_thread(stack.process.wait, 30) == 0


async def test_calls_that_take_too_long_are_cut_off(start_stack: StartStack) -> None:
    stack = start_stack(FUNLAND_SERVER__SLOTS="1", FUNLAND_SERVER__DRAIN_SECONDS="0.1")
    async with connect(stack) as service:
        await service.say()
        processes = psutil.Process(stack.pid).children(recursive=True)
        streams = [service.inference.StreamChat(long_chat()) for _ in range(CALLS)]
        for stream in streams:
            assert (await anext(aiter(stream))).HasField("start")

        stack.process.send_signal(signal.SIGTERM)

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            _ = [event async for event in streams[-1]]
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert await asyncio.to_thread(stack.process.wait, 30) == 0
    await eventually(all_ended(processes))


async def test_workers_end_with_a_server_that_was_killed_and_leave_no_folder(
    start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = tmp_path_factory.mktemp("t")  # short, as the path of a socket must be
    stack = start_stack(TMPDIR=str(temporary))
    async with connect(stack) as service:
        await service.say()
        processes = psutil.Process(stack.pid).children(recursive=True)
        assert any("funland_worker.main" in process.cmdline() for process in processes)
        stream = service.inference.StreamChat(long_chat())
        await anext(aiter(stream))

        stack.process.kill()

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            _ = [event async for event in stream]
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    await eventually(all_ended(processes))
    assert not list(temporary.glob("funland-*"))


async def is_stopping(service: Service) -> bool:
    health = await service.system.GetHealth(GetHealthRequest())
    return health.state == Health.STOPPING


def all_ended(processes: list[psutil.Process]) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return all(map(has_ended, processes))

    return check

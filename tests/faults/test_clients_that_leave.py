"""A caller that goes away, or waits no longer, leaves its slot to others."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from funland.v1.models_pb2 import GetModelRequest
from tests.faults.service import HELLO, MODEL, Service, endless, eventually, failure

if TYPE_CHECKING:
    from tests.conftest import Stack

# Far less than the calls would take: each goes on until the context is full.
SOON = 1.0
CALLS = 4
ENDLESS = {"max_tokens": 100_000, "ignore_end": True}
MESSAGES = [{"role": "USER", "content": HELLO}]


async def test_a_cancelled_grpc_stream_frees_its_slot(service: Service) -> None:
    streams = [service.inference.StreamChat(endless()) for _ in range(CALLS)]
    for stream in streams:
        await anext(aiter(stream))
    await eventually(lambda: holds(service, CALLS))

    for stream in streams:
        stream.cancel()

    await eventually(lambda: holds(service, 0), seconds=SOON)


async def test_a_cancelled_grpc_call_frees_its_slot(service: Service) -> None:
    calls = [service.inference.Chat(endless()) for _ in range(CALLS)]
    await eventually(lambda: holds(service, CALLS))

    for call in calls:
        call.cancel()

    await eventually(lambda: holds(service, 0), seconds=SOON)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/funland/v1/chat:stream", {"messages": MESSAGES, "sampling": ENDLESS}),
        ("/funland/v1/chat", {"messages": MESSAGES, "sampling": ENDLESS}),
        ("/api/v1/generate/stream", {"prompt": HELLO, **ENDLESS}),
        ("/api/v1/generate", {"prompt": HELLO, **ENDLESS}),
        ("/v1/completions", {"prompt": HELLO, "max_tokens": 100_000, "ignore_eos": True}),
    ],
)
async def test_a_closed_http_connection_frees_its_slot(
    service: Service, path: str, body: dict[str, Any]
) -> None:
    calls = [asyncio.create_task(read(service, path, body)) for _ in range(CALLS)]
    await eventually(lambda: holds(service, CALLS))

    for call in calls:
        call.cancel()  # aiohttp closes the connection of a response that was not read to its end
    await asyncio.gather(*calls, return_exceptions=True)

    await eventually(lambda: holds(service, 0), seconds=SOON)


@pytest.mark.parametrize("method", ["Chat", "StreamChat"])
async def test_a_passed_grpc_deadline_ends_the_call(service: Service, method: str) -> None:
    await service.say()
    begin = monotonic()

    fault = await failure(drain(getattr(service.inference, method)(endless(), timeout=0.2)))

    assert fault.code == "DEADLINE_EXCEEDED"
    assert 0.2 <= monotonic() - begin < SOON
    await eventually(lambda: holds(service, 0), seconds=SOON)


async def test_deadlines_that_pass_are_no_errors_of_the_server(
    service: Service, stack: Stack
) -> None:
    await service.say()
    before = len(stack.log())

    for _ in range(15):
        calls = [drain(service.inference.StreamChat(endless(), timeout=0.03)) for _ in range(8)]
        faults = await asyncio.gather(*map(failure, calls))
        assert {fault.code for fault in faults} == {"DEADLINE_EXCEEDED"}

    await eventually(lambda: holds(service, 0), seconds=SOON)
    assert "Traceback" not in stack.log()[before:]


async def test_a_passed_http_deadline_ends_the_call_with_504(service: Service) -> None:
    await service.say()
    body = {"messages": MESSAGES, "sampling": ENDLESS}

    async with service.http.post(
        "/funland/v1/chat", json=body, headers={"x-request-timeout": "0.2"}
    ) as response:
        status, error = response.status, (await response.json())["error"]

    assert status == 504
    assert (error["code"], error["reason"]) == ("DEADLINE_EXCEEDED", "DEADLINE_PASSED")
    await eventually(lambda: holds(service, 0), seconds=SOON)


async def test_a_deadline_that_passes_in_a_stream_is_its_last_event(service: Service) -> None:
    await service.say()
    body = {"messages": MESSAGES, "sampling": ENDLESS}

    async with service.http.post(
        "/funland/v1/chat:stream", json=body, headers={"x-request-timeout": "0.2"}
    ) as response:
        events = (await response.text()).strip().split("\n\n")

    assert response.status == 200
    assert events[-1].startswith("event: error\n")
    assert '"DEADLINE_PASSED"' in events[-1]
    await eventually(lambda: holds(service, 0), seconds=SOON)


async def read(service: Service, path: str, body: dict[str, Any]) -> bytes:
    async with service.http.post(path, json=body) as response:
        return await response.read()


async def drain(call: Any) -> None:
    """Takes a call's answer, or all of them."""
    if hasattr(call, "read"):
        _ = [event async for event in call]
    else:
        await call


async def holds(service: Service, count: int) -> bool:
    """Whether the model answers so many calls now."""
    model = await service.models.GetModel(GetModelRequest(model_id=MODEL))
    return model.loaded.active_sequences == count

"""The running service as its callers see it: over gRPC, over HTTP, and in its failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc.aio
import psutil
import pytest
from google.rpc import error_details_pb2, status_pb2

from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland.v1.models_pb2 import LoadModelRequest, UnloadModelRequest
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland.v1.system_pb2_grpc import SystemServiceStub

if TYPE_CHECKING:
    from funland.v1.inference_pb2_grpc import InferenceServiceAsyncStub
    from funland.v1.models_pb2_grpc import ModelServiceAsyncStub
    from funland.v1.system_pb2_grpc import SystemServiceAsyncStub
    from tests.conftest import Stack

MODEL = "funland-tiny"
HELLO = "Hello!"
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Fault:
    """How a call failed."""

    code: str
    reason: str
    message: str
    metadata: Mapping[str, str]
    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class Service:
    """A service and the ways into it."""

    stack: Stack
    channel: grpc.aio.Channel
    inference: InferenceServiceAsyncStub
    models: ModelServiceAsyncStub
    system: SystemServiceAsyncStub
    http: aiohttp.ClientSession

    async def say(self, text: str = HELLO, model: str = MODEL) -> str:
        """A model's likeliest answer."""
        answer = await self.inference.Chat(chat(text, model), timeout=60)
        return answer.message.content

    async def fresh_worker(self, model: str) -> psutil.Process:
        """Loads a model anew and gives the process that holds it."""
        await self.models.UnloadModel(UnloadModelRequest(model_id=model, force=True))
        others = {worker.pid for worker in self.stack.workers()}
        await self.models.LoadModel(LoadModelRequest(model_id=model))
        (worker,) = [each for each in self.stack.workers() if each.pid not in others]
        return worker


@asynccontextmanager
async def unharmed(stack: Stack) -> AsyncGenerator[Service]:
    """Every way into a service, which must still answer in the end, whatever was done to it."""
    async with connect(stack) as service:
        yield service
        assert stack.process.poll() is None, "the server went down"
        assert await service.say()


@asynccontextmanager
async def connect(stack: Stack) -> AsyncGenerator[Service]:
    """Opens every way into a service."""
    async with (
        grpc.aio.insecure_channel(
            stack.grpc_address, options=[("grpc.max_send_message_length", -1)]
        ) as channel,
        aiohttp.ClientSession(stack.http_url) as http,
    ):
        yield Service(
            stack,
            channel,
            InferenceServiceStub(channel),
            ModelServiceStub(channel),
            SystemServiceStub(channel),
            http,
        )


def chat(text: str = HELLO, model: str = MODEL, **sampling: Any) -> ChatRequest:
    """One message of a user, answered greedily."""
    parameters: dict[str, Any] = {"temperature": 0, "max_tokens": 200, **sampling}
    return ChatRequest(
        model=model,
        messages=[Message(role=Message.USER, content=text)],
        sampling=SamplingParameters(**parameters),
    )


def endless(model: str = MODEL) -> ChatRequest:
    """A chat that goes on until the context is full."""
    return chat("Tell me a story.", model, max_tokens=100_000, ignore_end=True)


def as_fault(error: grpc.aio.AioRpcError) -> Fault:
    """What a gRPC failure says in its details."""
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            assert isinstance(value, bytes)
            for detail in status_pb2.Status.FromString(value).details:
                _ = detail.Unpack(info) or detail.Unpack(request)
    fields = [violation.field for violation in request.field_violations]
    return Fault(error.code().name, info.reason, error.details() or "", dict(info.metadata), fields)


async def failure(call: Awaitable[object]) -> Fault:
    """How a call fails; one that does not fail fails the test."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return as_fault(raised.value)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Waits until a condition holds; the test fails if it does not in time."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what it waits for is in another process
            await asyncio.sleep(_POLL_SECONDS)  # the pause of a poll, not a wait for something


def has_ended(process: psutil.Process) -> bool:
    """Whether a process is over, be it that nobody has taken note of its end yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True

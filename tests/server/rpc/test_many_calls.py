"""More calls at once than Python can take are answered, however late."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio
import pytest

from funland.v1.inference_pb2 import TokenizeRequest
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland.v1.system_pb2 import GetHealthRequest
from funland.v1.system_pb2_grpc import SystemServiceStub
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import SECONDS

CALLS = 3000
"""Of so many on one connection, a server on grpc.aio cancels hundreds unless it is told not to."""
TOKENIZE = TokenizeRequest(text="Hello!")


@pytest.mark.parametrize(
    ("service", "name", "request_"),
    [
        (SystemServiceStub, "GetHealth", GetHealthRequest()),
        (InferenceServiceStub, "Tokenize", TOKENIZE),
    ],
    ids=["of the server", "of a worker"],
)
async def test_thousands_of_calls_at_once_are_all_answered(
    settings: ServerSettings, service: Any, name: str, request_: Any
) -> None:
    server = Server(settings)
    await server.start()

    async with grpc.aio.insecure_channel(server.address) as channel:
        call = getattr(service(channel), name)
        calls = [call(request_, timeout=SECONDS) for _ in range(CALLS)]
        codes = await asyncio.gather(*(each.code() for each in calls))
    await server.stop(0)

    assert set(codes) == {grpc.StatusCode.OK}

"""Servers of a test's own, in this process, with real workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from importlib import resources
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    downloads_pb2,
    files_pb2,
    hardware_pb2,
    images_pb2,
    inference_pb2,
    mcp_pb2,
    models_pb2,
    nodes_pb2,
    plugins_pb2,
    projects_pb2,
    responses_pb2,
    sessions_pb2,
    speech_pb2,
    system_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.rpc.local_channel import Metadata

SECONDS = 120
"""After which something that should have happened is taken not to happen."""

METHODS = {
    method.name: method
    for module in (
        auth_pb2,
        batches_pb2,
        datasets_pb2,
        deployments_pb2,
        downloads_pb2,
        files_pb2,
        hardware_pb2,
        images_pb2,
        inference_pb2,
        mcp_pb2,
        models_pb2,
        nodes_pb2,
        plugins_pb2,
        projects_pb2,
        responses_pb2,
        sessions_pb2,
        speech_pb2,
        system_pb2,
        tasks_pb2,
        training_pb2,
        uploads_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


async def until(condition: Callable[[], bool]) -> None:
    """Gives others the turn until something is so."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - what it waits for has no event of its own
            await asyncio.sleep(0.001)


def details(error: grpc.aio.AioRpcError | grpc.Call) -> dict[str, Any]:
    """The details of an error's `google.rpc.Status`, by the names of their types."""
    trailers: dict[str, Any] = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    found: dict[str, Any] = {}
    for kind in (
        error_details_pb2.ErrorInfo,
        error_details_pb2.RequestInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.RetryInfo,
    ):
        for detail in status.details:
            message = kind()
            if detail.Unpack(message):
                found[kind.DESCRIPTOR.name] = message
    return found


async def call(server: Server, name: str, request: Message, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - a call's deadline
    """Calls an RPC inside the process."""
    return await server.channel.unary(METHODS[name], request, (), timeout)


async def streamed(
    server: Server,
    name: str,
    request: Message,
    metadata: Metadata = (),
    timeout: float | None = None,  # noqa: ASYNC109 - a call's deadline
) -> AsyncGenerator[Any]:
    """The messages of an RPC inside the process; closing the generator ends the call."""
    async with server.channel.stream(METHODS[name], request, metadata, timeout) as messages:
        async for message in messages:
            yield message


@pytest.fixture(scope="session")
def model_path() -> Path:
    return Path(str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"))


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(home=tmp_path / "home", port=0, slots=4, max_context_length=256)


@pytest.fixture
async def server(settings: ServerSettings) -> AsyncIterator[Server]:
    server = Server(settings)
    await server.start()
    yield server
    await server.stop(0)

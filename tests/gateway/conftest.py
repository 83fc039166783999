"""A gateway on a real socket, before a gRPC server whose answers the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import grpc.aio
import pytest
from google.protobuf.message_factory import GetMessageClass

from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    downloads_pb2,
    files_pb2,
    hardware_pb2,
    hub_pb2,
    images_pb2,
    inference_pb2,
    models_pb2,
    plugins_pb2,
    projects_pb2,
    responses_pb2,
    speech_pb2,
    system_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)
from funland_gateway.app import Gateway
from funland_gateway.channel import GrpcChannel
from funland_gateway.config import GatewaySettings

StartGateway = Callable[..., Awaitable[Gateway]]

METHODS = {
    f"/{service.full_name}/{method.name}": method
    for module in (
        auth_pb2,
        batches_pb2,
        datasets_pb2,
        deployments_pb2,
        downloads_pb2,
        files_pb2,
        hardware_pb2,
        hub_pb2,
        images_pb2,
        inference_pb2,
        models_pb2,
        plugins_pb2,
        projects_pb2,
        responses_pb2,
        speech_pb2,
        system_pb2,
        tasks_pb2,
        training_pb2,
        uploads_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


_HANDLERS: dict[tuple[bool, bool], Any] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class Answers(grpc.GenericRpcHandler):
    """Takes the contract's calls; a test sets `answers["Chat"] = chat` to answer them."""

    def __init__(self) -> None:
        self._answers: dict[str, Any] = {}

    def __setitem__(self, method: str, answer: Any) -> None:
        """`answer` is a servicer's method: `(request, context)`, a coroutine or async generator."""
        self._answers[method] = answer

    def service(self, handler_call_details: Any) -> Any:
        method = METHODS.get(handler_call_details.method)
        if method is None or method.name not in self._answers:
            return None
        make: Any = _HANDLERS[method.client_streaming, method.server_streaming]
        return make(
            self._answers[method.name],
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )


@pytest.fixture
async def server() -> AsyncIterator[tuple[Answers, str]]:
    answers = Answers()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((answers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield answers, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
def answers(server: tuple[Answers, str]) -> Answers:
    return server[0]


@pytest.fixture
async def start_gateway(server: tuple[Answers, str]) -> AsyncIterator[StartGateway]:
    gateways: list[Gateway] = []
    async with grpc.aio.insecure_channel(server[1]) as channel:

        async def start(**settings: Any) -> Gateway:
            gateway = Gateway(GrpcChannel(channel), GatewaySettings(port=0, **settings))
            gateways.append(gateway)
            await gateway.start()
            return gateway

        yield start
        for gateway in gateways:
            await gateway.stop(0.01)


@pytest.fixture
async def http(start_gateway: StartGateway) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a gateway with the default settings."""
    gateway = await start_gateway()
    async with aiohttp.ClientSession(gateway.url) as session:
        yield session


@pytest.fixture
def raw() -> Callable[[Gateway, bytes], Awaitable[bytes]]:
    """Sends bytes to a gateway and gives all that it answers until it closes the connection."""

    async def talk(gateway: Gateway, data: bytes) -> bytes:
        host, port = gateway.url.removeprefix("http://").split(":")
        async with asyncio.timeout(120):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(data)
                return await reader.read()
            finally:
                writer.close()

    return talk

"""RPCs over gRPC and over native REST, so that one test body holds for both."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Protocol

import aiohttp
import grpc.aio
import orjson
from google.api import annotations_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland.v1 import (
    deployments_pb2,
    downloads_pb2,
    hub_pb2,
    inference_pb2,
    models_pb2,
    system_pb2,
)
from funland_gateway.app import Gateway
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from tests.server.conftest import details

RPCS: Final = {
    rpc.name: rpc
    for module in (deployments_pb2, downloads_pb2, hub_pb2, inference_pb2, models_pb2, system_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for rpc in service.methods
}


class Refused(Exception):
    """A call ended with an error."""

    def __init__(self, reason: str, fields: list[str], message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason, self.fields, self.message = reason, fields, message


class Wire(Protocol):
    """Calls RPCs by their names."""

    def watch(self, name: str, request: Message) -> AsyncGenerator[Any]:
        """The messages of a stream, as they come; closing the generator ends the call. Raises
        Refused."""
        ...

    async def call(self, name: str, request: Message) -> Any:
        """What an RPC answers; of a stream the list of its messages. Raises Refused."""
        ...


class Grpc:
    """See `Wire`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def watch(self, name: str, request: Message) -> AsyncGenerator[Any]:
        stream = self._made(RPCS[name], self._channel.unary_stream)(request)
        try:
            async for message in stream:
                yield message
        except grpc.aio.AioRpcError as error:
            raise _refused(error) from None
        finally:
            stream.cancel()

    async def call(self, name: str, request: Message) -> Any:
        if RPCS[name].server_streaming:
            return [message async for message in self.watch(name, request)]
        try:
            return await self._made(RPCS[name], self._channel.unary_unary)(request)
        except grpc.aio.AioRpcError as error:
            raise _refused(error) from None

    def _made(self, rpc: MethodDescriptor, make: Any) -> Any:
        return make(
            f"/{rpc.containing_service.full_name}/{rpc.name}",
            request_serializer=GetMessageClass(rpc.input_type).SerializeToString,
            response_deserializer=GetMessageClass(rpc.output_type).FromString,
        )


class Rest:
    """See `Wire`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def watch(self, name: str, request: Message) -> AsyncGenerator[Any]:
        output = GetMessageClass(RPCS[name].output_type)
        async with self._asked(name, request) as answer:
            async for line in answer.content:
                told = orjson.loads(line)
                if "error" in told:
                    raise _failed(told["error"])
                if told == {"end": {}}:
                    return
                yield json_format.ParseDict(told, output())
        raise AssertionError("the stream has no end")

    async def call(self, name: str, request: Message) -> Any:
        if RPCS[name].server_streaming:
            return [message async for message in self.watch(name, request)]
        async with self._asked(name, request) as answer:
            return json_format.Parse(await answer.read(), GetMessageClass(RPCS[name].output_type)())

    @asynccontextmanager
    async def _asked(self, name: str, request: Message) -> AsyncGenerator[aiohttp.ClientResponse]:
        http: Any = annotations_pb2.http
        rule: Any = RPCS[name].GetOptions().Extensions[http]
        method: str = rule.WhichOneof("pattern")
        fields = json_format.MessageToDict(request, preserving_proto_field_name=True)

        def value(variable: re.Match[str]) -> str:
            field = request.DESCRIPTOR.fields_by_name[variable[1]]
            unset = field.enum_type.values[0].name if field.enum_type else ""
            return str(fields.pop(variable[1], unset))

        path = re.sub(r"\{(\w+)(?:=\*\*)?\}", value, getattr(rule, method))
        headers = {"accept": "application/x-ndjson"}
        if rule.body:
            headers["content-type"] = "application/json"
        async with self._session.request(
            method,
            path,
            params=None if rule.body else {key: _plain(one) for key, one in fields.items()},
            data=orjson.dumps(fields) if rule.body else None,
            headers=headers,
        ) as answer:
            if answer.status != 200:
                raise _failed(orjson.loads(await answer.read())["error"])
            yield answer


@asynccontextmanager
async def wire_to(server: Server, kind: str) -> AsyncGenerator[Wire]:
    """The wire to a server that is `gRPC` or `REST`."""
    async with AsyncExitStack() as ends:
        if kind == "gRPC":
            channel = await ends.enter_async_context(grpc.aio.insecure_channel(server.address))
            yield Grpc(channel)
            return
        gateway = Gateway(server.channel, GatewaySettings(port=0))
        await gateway.start()
        ends.push_async_callback(gateway.stop, 0)
        session = await ends.enter_async_context(aiohttp.ClientSession(gateway.url))
        yield Rest(session)


def _refused(error: grpc.aio.AioRpcError) -> Refused:
    told = details(error)
    violations = told["BadRequest"].field_violations if "BadRequest" in told else ()
    fields = [violation.field for violation in violations]
    return Refused(told["ErrorInfo"].reason, fields, error.details() or "")


def _failed(error: dict[str, Any]) -> Refused:
    fields = [one["field"] for one in error.get("field_violations", ())]
    return Refused(error["reason"], fields, error["message"])


def _plain(value: Any) -> Any:
    """A field's value as a query has it; of a repeated one the list of them."""
    return str(value).lower() if isinstance(value, bool) else value

"""RPCs over gRPC and over native REST, so that one test body holds for both."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Protocol

import aiohttp
import grpc.aio
import orjson
import pytest
from google.api import annotations_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland_gateway.app import (
    _CONTRACT,  # pyright: ignore[reportPrivateUsage] - the list of all services
    Gateway,
)
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from tests.server.conftest import details

RPCS: Final = {
    rpc.name: rpc
    for module in _CONTRACT
    for service in module.DESCRIPTOR.services_by_name.values()
    for rpc in service.methods
}


OVER_ONE_WIRE: Final = pytest.mark.parametrize("start", ["gRPC"], indirect=True)
"""For tests of what no wire changes: processes that end and come back, hubs that fail, choices.
Their fixture `start` takes the name of a wire."""


class Refused(Exception):
    """A call ended with an error."""

    def __init__(
        self, reason: str, fields: list[str], message: str, metadata: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason, self.fields, self.message = reason, fields, message
        self.metadata = metadata or {}


class Wire(Protocol):
    """Calls RPCs by their names."""

    def watch(self, name: str, request: Message) -> AsyncGenerator[Any]:
        """The messages of a stream, as they come; closing the generator ends the call. Raises
        Refused."""
        ...

    async def call(self, name: str, request: Message) -> Any:
        """What an RPC answers; of a stream the list of its messages. Raises Refused."""
        ...

    async def send(self, name: str, head: Message, parts: AsyncIterator[bytes]) -> Any:
        """What an RPC answers that takes a stream: `head`, then the parts in `data`. Raises
        Refused."""
        ...

    async def converse(self, name: str, request: Message) -> list[Any]:
        """What `Converse` tells whoever opens a session and says nothing. Raises Refused."""
        ...


class Grpc:
    """See `Wire`."""

    def __init__(self, channel: grpc.aio.Channel, authorization: str = "") -> None:
        self._channel = channel
        self._metadata = (("authorization", authorization),) if authorization else ()

    async def watch(self, name: str, request: Message) -> AsyncGenerator[Any]:
        stream = self._made(RPCS[name], self._channel.unary_stream)(
            request, metadata=self._metadata
        )
        try:
            async for message in stream:
                yield message
        except grpc.aio.AioRpcError as error:
            raise refused(error) from None
        finally:
            stream.cancel()

    async def call(self, name: str, request: Message) -> Any:
        if RPCS[name].server_streaming:
            return [message async for message in self.watch(name, request)]
        try:
            return await self._made(RPCS[name], self._channel.unary_unary)(
                request, metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            raise refused(error) from None

    async def send(self, name: str, head: Message, parts: AsyncIterator[bytes]) -> Any:
        async def messages() -> AsyncGenerator[Message]:
            yield head
            async for part in parts:
                yield type(head)(data=part)

        try:
            return await self._made(RPCS[name], self._channel.stream_unary)(
                messages(), metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            raise refused(error) from None

    async def converse(self, name: str, request: Message) -> list[Any]:
        call = self._made(RPCS[name], self._channel.stream_stream)(
            iter([request]), metadata=self._metadata
        )
        try:
            return [message async for message in call]
        except grpc.aio.AioRpcError as error:
            raise refused(error) from None

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
            if output is HttpBody:
                async for data in answer.content.iter_any():
                    yield HttpBody(content_type=answer.content_type, data=data)
                return
            async for line in answer.content:
                told = orjson.loads(line)
                if "error" in told:
                    raise failed(told["error"])
                if told == {"end": {}}:
                    return
                yield json_format.ParseDict(told, output())
        raise AssertionError("the stream has no end")

    async def call(self, name: str, request: Message) -> Any:
        if RPCS[name].server_streaming:
            return [message async for message in self.watch(name, request)]
        output = GetMessageClass(RPCS[name].output_type)
        async with self._asked(name, request) as answer:
            body = await answer.read()
            if output is HttpBody:
                return HttpBody(content_type=answer.content_type, data=body)
            return json_format.Parse(body, output())

    async def send(self, name: str, head: Message, parts: AsyncIterator[bytes]) -> Any:
        async with self._asked(name, head, parts) as answer:
            return json_format.Parse(await answer.read(), GetMessageClass(RPCS[name].output_type)())

    async def converse(self, name: str, request: Message) -> list[Any]:
        http: Any = annotations_pb2.http
        rule: Any = RPCS[name].GetOptions().Extensions[http]
        path = re.sub(r"\{(\w+)\}", lambda field: str(getattr(request, field[1])), rule.get)
        told: list[Any] = []
        async with self._session.ws_connect(f"{path}?open.after=0") as socket:
            async for message in socket:
                told.append(orjson.loads(message.data))
                if "error" in told[-1]:
                    raise failed(told[-1]["error"])
        return told

    @asynccontextmanager
    async def _asked(
        self, name: str, request: Message, parts: AsyncIterator[bytes] | None = None
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
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
        whole = rule.body == "*"
        if whole:
            headers["content-type"] = "application/json"
        async with self._session.request(
            method,
            path,
            params=None if whole else {key: _plain(one) for key, one in fields.items()},
            data=orjson.dumps(fields) if whole else parts,
            headers=headers,
        ) as answer:
            if answer.status != 200:
                raise failed(orjson.loads(await answer.read())["error"])
            yield answer


@asynccontextmanager
async def wire_to(server: Server, kind: str, authorization: str = "") -> AsyncGenerator[Wire]:
    """The wire to a server that is `gRPC` or `REST`; its calls bring an `authorization`."""
    async with AsyncExitStack() as ends:
        if kind == "gRPC":
            channel = await ends.enter_async_context(grpc.aio.insecure_channel(server.address))
            yield Grpc(channel, authorization)
            return
        gateway = Gateway(server.channel, GatewaySettings(port=0))
        await gateway.start()
        ends.push_async_callback(gateway.stop, 0)
        session = await ends.enter_async_context(
            aiohttp.ClientSession(
                gateway.url, headers={"authorization": authorization} if authorization else {}
            )
        )
        yield Rest(session)


def refused(error: grpc.aio.AioRpcError | grpc.Call) -> Refused:
    """An error as gRPC has it."""
    told = details(error)
    violations = told["BadRequest"].field_violations if "BadRequest" in told else ()
    fields = [violation.field for violation in violations]
    info = told["ErrorInfo"]
    return Refused(info.reason, fields, error.details() or "", dict(info.metadata))


def failed(error: dict[str, Any]) -> Refused:
    """An error as REST has it."""
    fields = [one["field"] for one in error.get("field_violations", ())]
    return Refused(error["reason"], fields, error["message"], error.get("metadata"))


def _plain(value: Any) -> Any:
    """A field's value as a query has it; of a repeated one the list of them."""
    return str(value).lower() if isinstance(value, bool) else value

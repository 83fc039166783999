"""The pipeline's methods as a gRPC server, with health and reflection."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import structlog
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from funland_server.errors import CallerGoneError
from funland_server.live import Live
from funland_server.rpc.ended_calls import leave_out_ended_calls
from funland_server.rpc.pipeline import Call, CallFailed, Method, Pipeline
from funland_server.rpc.reflection import add_reflection
from funland_server.rpc.request_ids import HEADER, request_id
from funland_server.rpc.status import to_grpc, to_status
from funland_server.rpc.step_timeout import StepTimeout
from funland_server.tracing.carrying import carried

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

ONLY_CHECK = "x-funland-check"
"""The metadata by which a gateway asks whether its client may call, before it reads what that says;
the answer is empty."""
CLIENT_ADDRESS = "x-client-address"
"""The metadata by which a gateway tells where its client is."""
GATEWAY = "x-funland-gateway"
"""The metadata by which it shows that it is one: `Bearer` and its access key."""
_LARGEST_MESSAGE = 64 * 1024**2
PING_SECONDS = 5.0
"""How far apart a client's pings may come while nothing else does. Clients ping every 10 s or more
rarely, and a busy network may bring two of theirs closer together. gRPC's own 5 minutes would break
off a stream that is quiet for longer than two of them."""
_MOST_STRIKES = 2
"""So many pings that come faster are passed over; one more ends the connection."""
_MOST_UNACCEPTED = 65_536
_UNACCEPTED_SECONDS = 3600
"""How many calls may lie in gRPC's core before Python takes them, and for how long. With its own
1,000 and 30 s, calls that come at once are CANCELLED without a word of anybody's."""


class GrpcServer:
    """Listens for gRPC and hands each call to the pipeline."""

    def __init__(self, pipeline: Pipeline, send_timeout_seconds: Live[float]) -> None:
        """A caller that reads nothing for `send_timeout_seconds`, or sends nothing where it has to
        send all before it gets an answer, loses its call."""
        leave_out_ended_calls()
        self._pipeline = pipeline
        self._send_timeout = send_timeout_seconds
        self._server: Any = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a partner
                ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
                ("grpc.max_send_message_length", _LARGEST_MESSAGE),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", int(1e3 * PING_SECONDS)),
                ("grpc.http2.max_ping_strikes", _MOST_STRIKES),
                ("grpc.server.max_pending_requests", _MOST_UNACCEPTED),
                ("grpc.server.max_pending_requests_hard_limit", _MOST_UNACCEPTED),
                ("grpc.server_max_unrequested_time_in_server", _UNACCEPTED_SECONDS),
            ]
        )
        self._health = health.aio.HealthServicer()
        self._services = sorted(
            {method.descriptor.containing_service.full_name for method in pipeline.methods()}
        )
        self._add_services()

    async def start(
        self, host: str, port: int, credentials: grpc.ServerCredentials | None = None
    ) -> str:
        """Listens, with `credentials` over TLS, and says where; raises OSError if the port is
        taken."""
        address = f"[{host}]" if ":" in host else host
        place = f"{address}:{port}"
        try:
            bound: int = (
                self._server.add_insecure_port(place)
                if credentials is None
                else self._server.add_secure_port(place, credentials)
            )
        except RuntimeError as error:
            raise OSError(errno.EADDRINUSE, f"{address}:{port} is in use") from error
        for service in ("", *self._services):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()
        return f"{address}:{bound}"

    async def announce_stop(self) -> None:
        """Tells who watches the health that the server will end."""
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Ends at once."""
        await self._server.stop(None)

    def _add_services(self) -> None:
        for service in self._services:
            handlers = {
                method.descriptor.name: self._handler(method)
                for method in self._pipeline.methods()
                if method.descriptor.containing_service.full_name == service
            }
            generic = grpc.method_handlers_generic_handler(service, handlers)
            self._server.add_generic_rpc_handlers((generic,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        add_reflection((*self._services, health.SERVICE_NAME), self._server)

    def _handler(self, method: Method) -> Any:
        # Requests come as bytes: of those that can't be decoded, gRPC would tell in its own words,
        # and write a traceback each.
        if method.descriptor.client_streaming and not method.descriptor.server_streaming:
            return grpc.stream_unary_rpc_method_handler(self._collecting(method), bytes, _serialize)
        if method.descriptor.client_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._conversing(method), bytes, _serialize
            )
        if method.descriptor.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(method), bytes, _serialize)
        return grpc.unary_unary_rpc_method_handler(self._unary(method), bytes, _serialize)

    def _unary(self, method: Method) -> Callable[[bytes, Context], Any]:
        decode = _decoder(method)

        async def answer(request: bytes, context: Context) -> Message:
            call = _call(method, context)
            try:
                if _only_asks(context):
                    told = await self._pipeline.check(method, call)
                    context.set_trailing_metadata(((HEADER, call.request_id), *told))
                    return GetMessageClass(method.descriptor.output_type)()
                return await self._pipeline.unary(method, decode(request), call)
            except CallFailed as failed:
                return await _end(context, to_grpc(failed.status, call.request_id))

        return answer

    def _streaming(self, method: Method) -> Callable[[bytes, Context], Any]:
        decode = _decoder(method)

        async def answer(request: bytes, context: Context) -> None:
            call = _call(method, context)
            await self._send(self._pipeline.stream(method, decode(request), call), context, call)

        return answer

    def _collecting(self, method: Method) -> Callable[[AsyncIterator[bytes], Context], Any]:
        decode = _decoder(method)

        async def answer(requests: AsyncIterator[bytes], context: Context) -> Message:
            call = _call(method, context)

            async def decoded() -> AsyncGenerator[Message | None]:
                coming = aiter(requests)
                while True:
                    try:
                        async with asyncio.timeout(self._send_timeout.now):
                            request = await anext(coming, None)
                    except TimeoutError:
                        raise CallerGoneError("sent nothing") from None
                    if request is None:
                        break
                    yield decode(request)
                await _make_sure_of_the_end(context)

            try:
                return await self._pipeline.collect(method, decoded(), call)
            except CallFailed as failed:
                return await _end(context, to_grpc(failed.status, call.request_id))

        return answer

    def _conversing(self, method: Method) -> Callable[[AsyncIterator[bytes], Context], Any]:
        decode = _decoder(method)

        async def answer(requests: AsyncIterator[bytes], context: Context) -> None:
            call = _call(method, context)

            async def decoded() -> AsyncGenerator[Message | None]:
                # Of a call that is refused nothing is read, and gRPC minds a reader that never was.
                async for request in requests:
                    yield decode(request)

            await self._send(self._pipeline.converse(method, decoded(), call), context, call)

        return answer

    async def _send(self, answers: AsyncGenerator[Message], context: Context, call: Call) -> None:
        """Sends the messages of a stream, no faster than they are read, and how it ends."""
        clock = asyncio.get_running_loop().time
        try:
            async with aclosing(answers), StepTimeout() as sending:
                async for message in answers:
                    sending.begin(clock() + self._send_timeout.now)
                    await context.write(message)
                    sending.over()
        except CallFailed as failed:
            await _end(context, to_grpc(failed.status, call.request_id))
        except TimeoutError:
            gone = to_status(CallerGoneError(), call.request_id)
            await _end(context, to_grpc(gone, call.request_id))


async def _make_sure_of_the_end(context: Context) -> None:
    """Raises CancelledError if what looked like the end of a caller's stream was its breaking off:
    gRPC's Python says the same of both, and only then that the call is cancelled. But to a stream
    that was broken off nothing can be sent."""
    try:
        await context.send_initial_metadata(())
    except Exception as error:
        raise asyncio.CancelledError from error


async def _end(context: Context, status: Any) -> Any:
    """Ends a call with a status, unless it is over: gRPC's core watches deadlines too."""
    with suppress(grpc.aio.InternalError):
        await context.abort_with_status(status)


def _call(method: Method, context: Context) -> Call:
    metadata = context.invocation_metadata() or ()
    identity = request_id(metadata)
    context.set_trailing_metadata(((HEADER, identity),))
    # Each call has a task of its own, and with it this context.
    structlog.contextvars.bind_contextvars(request_id=identity, rpc=method.descriptor.name)
    said: dict[str, str] = {}
    for key, value in metadata:
        if isinstance(value, str):
            said.setdefault(key, value)
    return Call(
        identity,
        context.time_remaining(),
        authorization=said.get("authorization", ""),
        address=_address(context.peer()),
        gateway=said.get(GATEWAY, ""),
        client_address=said.get(CLIENT_ADDRESS, ""),
        trace=carried(said),
    )


def _only_asks(context: Context) -> bool:
    return any(key == ONLY_CHECK for key, _ in context.invocation_metadata() or ())


def _address(peer: str) -> str:
    """The IP address of gRPC's words for a peer, such as `ipv4:127.0.0.1:40312`."""
    _, _, place = peer.partition(":")
    return place.rpartition(":")[0].strip("[]").replace("%5B", "").replace("%5D", "")


def _decoder(method: Method) -> Callable[[bytes], Message | None]:
    """Makes requests of bytes; of bytes that are none, None."""
    message_type = GetMessageClass(method.descriptor.input_type)

    def decode(data: bytes) -> Message | None:
        try:
            return message_type.FromString(data)
        except DecodeError:
            return None

    return decode


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()

"""Serves the contract's own JSON: unary calls as JSON, streams as SSE or newline-delimited JSON,
those that go both ways as WebSockets, and bytes as bodies that are as they are.

A stream of messages looks like this, and always has its last event; one without has failed:

    SSE      data: {message}   ...   event: end     data: {}
                               or    event: error   data: {"error": {Error}}
    NDJSON   {message}         ...   {"end": {}}
                               or    {"error": {Error}}

A WebSocket's last message is as the last line, before it is closed. A message of a stream has no
empty texts, lists or maps: tokens would carry more of them than text.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import orjson
from aiohttp import web
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error
from funland_gateway.accepting import prefers
from funland_gateway.bodies import read_json
from funland_gateway.calls import Calls
from funland_gateway.config import GatewaySettings
from funland_gateway.downloading import send_body
from funland_gateway.failures import CallFailed, http_status, unforeseen
from funland_gateway.request_ids import request_id
from funland_gateway.routing import Handler, add_route
from funland_gateway.sockets import Sockets
from funland_gateway.streams import (
    EVENT_STREAM,
    LINE_STREAM,
    Pulse,
    send_events,
    sse_comment,
    sse_event,
)
from funland_gateway.transcoding.conversing import conversing
from funland_gateway.transcoding.decoder import filler
from funland_gateway.transcoding.encoder import encode, encoder
from funland_gateway.transcoding.routes import Route
from funland_gateway.uploading import as_messages, raw_parts

NDJSON = LINE_STREAM
SSE = "text/event-stream"

_ENDS = {"end", "error"}
"""Names of the last line, which no field of a streamed message may have."""


def add_native(
    app: web.Application,
    routes: Iterable[Route],
    calls: Calls,
    sockets: Sockets,
    settings: GatewaySettings,
) -> None:
    """Adds the routes, with everything about their messages compiled."""
    for route in routes:
        filler(route.rpc.input_type)
        if not _is_raw(route):
            encoder(route.rpc.output_type, sparse=route.rpc.server_streaming)
        if route.rpc.server_streaming and _ENDS & set(route.rpc.output_type.fields_by_name):
            raise ValueError(f"{route.rpc.full_name}: a field is named like a stream's end")
        if route.raw_field is not None:
            handler = _uploading(route, route.raw_field, calls)
        elif route.rpc.client_streaming:
            handler = conversing(route, calls, sockets)
        elif route.rpc.server_streaming and _is_raw(route):
            handler = _downloading(route, calls, settings)
        elif route.rpc.server_streaming:
            handler = _streaming(route, calls, settings)
        else:
            handler = _unary(route, calls, settings)
        add_route(app, route.http_method, route.pattern, _admitting(route, handler, calls))


def error_response(error: Error) -> web.Response:
    """A failure before its answer began: `{"error": {...}}` under its HTTP status."""
    headers: dict[str, str] = {}
    if error.HasField("retry_delay"):
        delay = error.retry_delay.ToTimedelta().total_seconds()
        headers["retry-after"] = str(math.ceil(delay))
    return web.Response(
        status=http_status(error),
        body=_failure_json(error),
        content_type="application/json",
        headers=headers,
    )


def _admitting(route: Route, handler: Handler, calls: Calls) -> Handler:
    """Looks at who calls before all else that a request says."""

    async def handle(request: web.Request) -> web.StreamResponse:
        await calls.admit(request, route.rpc)
        return await handler(request)

    return handle


def _unary(route: Route, calls: Calls, settings: GatewaySettings) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        answer: Any = await calls.unary(request, route.rpc, await _read(route, request, settings))
        if _is_raw(route):
            return web.Response(body=answer.data, headers={"content-type": answer.content_type})
        return web.Response(body=orjson.dumps(encode(answer)), content_type="application/json")

    return handle


def _uploading(route: Route, field: FieldDescriptor, calls: Calls) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        head = route.request({}, request.match_info, request.query.items())
        async with aclosing(as_messages(head, field.name, raw_parts(request))) as messages:
            answer = await calls.collect(request, route.rpc, messages)
        return web.Response(body=orjson.dumps(encode(answer)), content_type="application/json")

    return handle


def _downloading(route: Route, calls: Calls, settings: GatewaySettings) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        message = await _read(route, request, settings)
        call = calls.stream(request, route.rpc, message)
        return await send_body(request, call, send_timeout=settings.send_timeout_seconds)

    return handle


def _streaming(route: Route, calls: Calls, settings: GatewaySettings) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        message = await _read(route, request, settings)
        lines = prefers(request.headers.getall("accept", ()), NDJSON, to=SSE)
        frame = _lines if lines else _events
        return await send_events(
            request,
            _framed(calls.stream(request, route.rpc, message), frame),
            content_type=NDJSON if lines else EVENT_STREAM,
            failed=lambda problem: frame(_failure(request, problem), "error"),
            # Lines of JSON have no comments.
            pulse=None if lines else Pulse(settings.heartbeat_seconds, _waiting),
            send_timeout=settings.send_timeout_seconds,
        )

    return handle


async def _read(route: Route, request: web.Request, settings: GatewaySettings) -> Message:
    body = await read_json(request, settings.max_body_bytes) if route.has_body else None
    return route.request(body, request.match_info, request.query.items())


async def _framed(
    call: AbstractAsyncContextManager[AsyncIterator[Message]],
    frame: Callable[[bytes, str | None], bytes],
) -> AsyncGenerator[bytes]:
    async with call as messages:
        async for message in messages:
            yield frame(orjson.dumps(encode(message, sparse=True)), None)
    yield frame(b"{}", "end")


def _failure(request: web.Request, problem: Exception) -> bytes:
    failed = problem if isinstance(problem, CallFailed) else unforeseen(problem)
    failed.error.request_id = failed.error.request_id or request_id(request)
    return _failure_json(failed.error)


def _waiting() -> bytes:
    return sse_comment("waiting")


def _events(data: bytes, event: str | None) -> bytes:
    return sse_event(data, event)


def _lines(data: bytes, event: str | None) -> bytes:
    return b'{"end":{}}\n' if event == "end" else data + b"\n"


def _failure_json(error: Error) -> bytes:
    return orjson.dumps({"error": encode(error)})


def _is_raw(route: Route) -> bool:
    return route.rpc.output_type.full_name == HttpBody.DESCRIPTOR.full_name

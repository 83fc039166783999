"""Serves the dialects' routes: the one place where they meet HTTP and the server."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
from aiohttp import web
from google.protobuf.message import Message

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.bodies import read_json
from funland_gateway.calls import Calls
from funland_gateway.config import GatewaySettings
from funland_gateway.dialects.dialect import (
    Dialect,
    Download,
    Incoming,
    Named,
    Reply,
    Route,
    Step,
    Streaming,
    Together,
    Unary,
    Upload,
    WebSocket,
    path_pattern,
)
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.sharing import joint_routes
from funland_gateway.dialects.uploads import form_messages
from funland_gateway.dialects.waits import Waits
from funland_gateway.dialects.words import in_its_words
from funland_gateway.downloading import send_body
from funland_gateway.failures import CallFailed, failure, unforeseen
from funland_gateway.merging import merged
from funland_gateway.origins import origin
from funland_gateway.request_ids import request_id
from funland_gateway.routing import SHAPE, Shape, add_route
from funland_gateway.sockets import Events, Sockets
from funland_gateway.streams import EVENT_STREAM, Pulse, send_events, sse_event


def add_dialects(
    app: web.Application,
    dialects: Sequence[Dialect],
    calls: Calls,
    sockets: Sockets,
    settings: GatewaySettings,
) -> None:
    """Adds the dialects' routes. Their failures raise `CallFailed` until an answer has begun."""
    for dialect, route in joint_routes(dialects):
        handler = _handler(route, dialect, calls, sockets, settings)
        add_route(app, route.method, path_pattern(route.path), handler)


def _handler(
    route: Route, dialect: Dialect, calls: Calls, sockets: Sockets, settings: GatewaySettings
) -> Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]:
    shape = Shape(dialect.error_response)

    async def handle(request: web.Request) -> web.StreamResponse:
        request[SHAPE] = shape
        call = route.call(await _incoming(request, route, settings))
        if isinstance(call, WebSocket):
            return await _converse(request, calls, call, sockets)
        if isinstance(call, Download):
            return await _download(request, calls, call, settings)
        if isinstance(call, Upload):
            return _replied(await _upload(request, calls, call))
        answer = await _ask(request, calls, call)
        if isinstance(answer, Reply):
            return _replied(answer)
        return await _stream(request, calls, answer, dialect, settings)

    return handle


def _replied(answer: Reply) -> web.Response:
    return web.Response(
        body=answer.content, status=answer.status, headers={"Content-Type": answer.content_type}
    )


async def _incoming(request: web.Request, route: Route, settings: GatewaySettings) -> Incoming:
    body = JsonObject({})
    if route.request_schema is not None and not route.form:
        body = JsonObject.read(await read_json(request, settings.max_body_bytes))
    return Incoming(
        body=body,
        path=dict(request.match_info),
        time=int(time.time()),
        query={
            key: value
            for key, value in request.query.items()
            if any(parameter.takes(key) for parameter in route.query)
        },
        request_id=request_id(request),
        origin=origin(request),
    )


async def _ask(
    request: web.Request, calls: Calls, call: Unary | Streaming | Together
) -> Reply | Streaming | Together:
    """Calls what answers once, one after the other, until there is a reply or a stream."""
    step: Step = call
    while isinstance(step, Unary):
        try:
            step = step.answer(await _response(request, calls, step))
        except CallFailed as failed:
            raise in_its_words(failed, step) from failed
    return step


async def _response(request: web.Request, calls: Calls, call: Unary) -> Message | list[Message]:
    if not call.rpc.server_streaming:
        return await calls.unary(request, call.rpc, call.message)
    async with calls.stream(request, call.rpc, call.message) as events:
        return [event async for event in events]


async def _upload(request: web.Request, calls: Calls, call: Upload) -> Reply:
    try:
        async with aclosing(form_messages(request, call)) as messages:
            return call.answer(await calls.collect(request, call.rpc, messages))
    except CallFailed as failed:
        raise in_its_words(failed, call) from failed


async def _download(
    request: web.Request, calls: Calls, call: Download, settings: GatewaySettings
) -> web.StreamResponse:
    parts = calls.stream(request, call.rpc, call.message)
    try:
        return await send_body(request, parts, send_timeout=settings.send_timeout_seconds)
    except CallFailed as failed:
        raise in_its_words(failed, call) from failed


async def _converse(
    request: web.Request, calls: Calls, call: WebSocket, sockets: Sockets
) -> web.StreamResponse:
    def begin(said: AsyncIterator[Message]) -> Events:
        if call.message is None or call.rpc.client_streaming:
            return calls.converse(request, call.rpc, said)
        return calls.stream(request, call.rpc, call.message)

    first = call.message if call.rpc.client_streaming else None
    return await sockets.converse(request, begin, call.talk, first=first, largest=call.largest)


async def _stream(
    request: web.Request,
    calls: Calls,
    call: Streaming | Together,
    dialect: Dialect,
    settings: GatewaySettings,
) -> web.StreamResponse:
    parts = call.parts if isinstance(call, Together) else (call,)
    waits = Waits()

    def failed(problem: Exception) -> bytes:
        error = (problem if isinstance(problem, CallFailed) else unforeseen(problem)).error
        tell = parts[0].failure
        return _sse(
            orjson.dumps(dialect.envelope.stream_failure(error)) if tell is None else tell(error)
        )

    return await send_events(
        request,
        _events(request, calls, parts, waits),
        content_type=EVENT_STREAM,
        failed=failed,
        pulse=Pulse(settings.heartbeat_seconds, waits.told),
        send_timeout=settings.send_timeout_seconds,
    )


async def _events(
    request: web.Request, calls: Calls, parts: Sequence[Streaming], waits: Waits
) -> AsyncGenerator[bytes]:
    """The SSE events of calls that are made at once. They fail together."""
    unfinished = set(range(len(parts)))

    def told(index: int, event: Message) -> bytes:
        news = waits.see(event)
        made = b"".join(map(_sse, parts[index].events(event)))
        if made:
            waits.answered()
        elif news:
            return waits.news()
        if parts[index].is_last(event):
            unfinished.discard(index)
        return made

    streams = [_answer(request, calls, part) for part in parts]
    try:
        if len(streams) == 1:  # no need of tasks
            async with streams[0] as events:
                async for event in events:
                    if made := told(0, event):
                        yield made
        else:
            async with aclosing(merged(streams)) as numbered:
                async for index, event in numbered:
                    if made := told(index, event):
                        yield made
        if unfinished:
            raise failure("INTERNAL", ErrorReason.INTERNAL_ERROR, "The answer ended half-way.")
    except Exception:
        if unfinished:
            raise
        # The answer is whole, and its reader was told so.


@asynccontextmanager
async def _answer(
    request: web.Request, calls: Calls, part: Streaming
) -> AsyncGenerator[AsyncIterator[Message]]:
    try:
        async with calls.stream(request, part.rpc, part.message) as events:
            yield events
    except CallFailed as failed:
        raise in_its_words(failed, part) from failed


def _sse(made: bytes | Named) -> bytes:
    return sse_event(made.data, made.name) if isinstance(made, Named) else sse_event(made)

"""Serves the dialects' routes: the one place where they meet HTTP and the server."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
from aiohttp import web
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.bodies import read_json, read_texts
from funland_gateway.calls import Calls, authorization
from funland_gateway.config import GatewaySettings
from funland_gateway.dialects.dialect import (
    Dialect,
    Download,
    Incoming,
    KeptForm,
    Named,
    Own,
    RawUpload,
    Reply,
    Route,
    Sent,
    Step,
    Streaming,
    Together,
    Unary,
    Upload,
    WebSocket,
    path_pattern,
)
from funland_gateway.dialects.keeping import kept_form
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
from funland_gateway.streams import Framing, Pulse, send_events
from funland_gateway.uploading import as_messages, raw_parts


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
        if not route.open:
            await calls.admit(request)
        call = route.call(await _incoming(request, route, settings))
        if isinstance(call, Own):
            return await call.answer(request, calls, settings)
        if isinstance(call, WebSocket):
            return await _converse(request, calls, call, sockets)
        if isinstance(call, Upload):
            return _replied(await _upload(request, calls, call))
        if isinstance(call, RawUpload):
            return _replied(await _raw_upload(request, calls, call))
        if isinstance(call, KeptForm):
            async with kept_form(request, calls, call) as step:
                return await answered(request, step)
        return await answered(request, call)

    async def answered(request: web.Request, step: Step) -> web.StreamResponse:
        answer = await _ask(request, calls, step)
        if isinstance(answer, Reply):
            return _replied(answer)
        if isinstance(answer, Download):
            return await _download(request, calls, answer, settings)
        tell = dialect.envelope.stream_failure
        return await _stream(request, calls, answer, tell, framing=route.framing, settings=settings)

    return handle


def _replied(answer: Reply) -> web.Response:
    return web.Response(
        body=answer.content, status=answer.status, headers={"Content-Type": answer.content_type}
    )


async def _incoming(request: web.Request, route: Route, settings: GatewaySettings) -> Incoming:
    body = JsonObject({})
    if route.request_schema is not None and not route.form:
        read = read_texts if route.url_encoded else read_json
        body = JsonObject.read(await read(request, settings.max_body_bytes))
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
        identified=bool(authorization(request)),
    )


async def _ask(
    request: web.Request, calls: Calls, step: Step
) -> Reply | Streaming | Together | Download:
    """Calls what answers once, one after the other, until there is a reply or a stream."""
    while isinstance(step, Unary | Sent):
        try:
            step = step.answer(await _response(request, calls, step))
        except CallFailed as failed:
            refused = step.refused if isinstance(step, Unary) else None
            if refused is None or failed.error.code != "PERMISSION_DENIED":
                raise in_its_words(failed, step) from failed
            step = refused()
    return step


async def _response(
    request: web.Request, calls: Calls, call: Unary | Sent
) -> Message | list[Message]:
    if isinstance(call, Sent):
        async with aclosing(_each(call.messages)) as messages:
            return await calls.collect(request, call.rpc, messages)
    if not call.rpc.server_streaming:
        return await calls.unary(request, call.rpc, call.message)
    async with calls.stream(request, call.rpc, call.message) as events:
        return [event async for event in events]


async def _each(messages: Sequence[Message]) -> AsyncGenerator[Message]:
    for message in messages:
        yield message


async def _upload(request: web.Request, calls: Calls, call: Upload) -> Reply:
    try:
        async with aclosing(form_messages(request, call)) as messages:
            return call.answer(await calls.collect(request, call.rpc, messages))
    except CallFailed as failed:
        raise in_its_words(failed, call) from failed


async def _raw_upload(request: web.Request, calls: Calls, call: RawUpload) -> Reply:
    try:
        parts = raw_parts(request)
        async with aclosing(as_messages(call.first, call.data_field, parts)) as messages:
            return call.answer(await calls.collect(request, call.rpc, messages))
    except CallFailed as failed:
        raise in_its_words(failed, call) from failed


async def _download(
    request: web.Request, calls: Calls, call: Download, settings: GatewaySettings
) -> web.StreamResponse:
    parts = _parts(request, calls, call)
    try:
        return await send_body(request, parts, send_timeout=settings.send_timeout_seconds)
    except CallFailed as failed:
        raise in_its_words(failed, call) from failed


@asynccontextmanager
async def _parts(
    request: web.Request, calls: Calls, call: Download
) -> AsyncGenerator[AsyncIterator[Message]]:
    async def parts(events: AsyncIterator[Message]) -> AsyncGenerator[Message]:
        whole = call.is_last is None
        async for event in events:
            whole = whole or (call.is_last is not None and call.is_last(event))
            for part in call.parts(event):
                yield part
        if not whole:
            raise failure("INTERNAL", ErrorReason.INTERNAL_ERROR, "The answer ended half-way.")

    async with (
        calls.stream(request, call.rpc, call.message) as events,
        aclosing(parts(events)) as made,
    ):
        yield made


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
    failure_data: Callable[[Error], object],
    *,
    framing: Framing,
    settings: GatewaySettings,
) -> web.StreamResponse:
    parts = call.parts if isinstance(call, Together) else (call,)
    waits = Waits() if framing.has_comments else None

    def failed(problem: Exception) -> bytes:
        error = (problem if isinstance(problem, CallFailed) else unforeseen(problem)).error
        tell = parts[0].failure
        made = orjson.dumps(failure_data(error)) if tell is None else tell(error)
        return _framed(made, framing)

    return await send_events(
        request,
        _events(request, calls, parts, framing, waits),
        content_type=framing.content_type,
        failed=failed,
        pulse=None if waits is None else Pulse(settings.heartbeat_seconds, waits.told),
        send_timeout=settings.send_timeout_seconds,
    )


async def _events(
    request: web.Request,
    calls: Calls,
    parts: Sequence[Streaming],
    framing: Framing,
    waits: Waits | None,
) -> AsyncGenerator[bytes]:
    """The events of calls that are made at once, as they are sent. They fail together."""
    unfinished = set(range(len(parts)))

    def told(index: int, event: Message) -> bytes:
        news = waits is not None and waits.see(event)
        made = b"".join([_framed(each, framing) for each in parts[index].events(event)])
        if waits is not None:
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


def _framed(made: bytes | Named, framing: Framing) -> bytes:
    if isinstance(made, Named):
        return framing.event(made.data, made.name)
    return framing.event(made, None)

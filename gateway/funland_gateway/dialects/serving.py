"""Serves the dialects' routes: the one place where they meet HTTP and the server."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, cast

import orjson
from aiohttp import web

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import GenerationEvent
from funland_gateway.bodies import read_json
from funland_gateway.calls import Calls
from funland_gateway.config import GatewaySettings
from funland_gateway.dialects.dialect import Dialect, Incoming, Reply, Route, Streaming, Unary
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed, failure, unforeseen
from funland_gateway.streams import send_events, sse_event


def add_dialect(
    app: web.Application, dialect: Dialect, calls: Calls, settings: GatewaySettings
) -> None:
    """Adds the dialect's routes. Their failures raise `CallFailed` until an answer has begun."""
    for route in dialect.routes:
        app.router.add_route(
            route.method, _pattern(route.path), _handler(route, dialect, calls, settings)
        )


def _pattern(path: str) -> str:
    """Lets the path's variables hold slashes, as the names of models may."""
    return re.sub(r"\{(\w+)\}", r"{\1:.+}", path)


def _handler(
    route: Route, dialect: Dialect, calls: Calls, settings: GatewaySettings
) -> Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        call = route.call(await _incoming(request, route, settings))
        if isinstance(call, Unary):
            reply = await _ask(request, calls, call)
            return web.Response(
                body=reply.content,
                status=reply.status,
                headers={"Content-Type": reply.content_type},
            )
        return await send_events(
            request,
            _events(request, calls, call, dialect),
            content_type="text/event-stream",
            send_timeout=settings.send_timeout_seconds,
        )

    return handle


async def _incoming(request: web.Request, route: Route, settings: GatewaySettings) -> Incoming:
    body = JsonObject({})
    if route.request_schema is not None:
        body = JsonObject.read(await read_json(request, settings.max_body_bytes))
    return Incoming(body=body, path=dict(request.match_info), time=int(time.time()))


async def _ask(request: web.Request, calls: Calls, call: Unary) -> Reply:
    step: Reply | Unary = call
    while isinstance(step, Unary):
        try:
            response = await calls.unary(request, step.rpc, step.message)
            step = step.answer(response)
        except CallFailed as failed:
            raise _in_its_words(failed, step.field_name) from failed
    return step


async def _events(
    request: web.Request, calls: Calls, call: Streaming, dialect: Dialect
) -> AsyncGenerator[bytes]:
    """The SSE events of a call. A failure after the first of them is the last of them."""
    begun = finished = False
    try:
        async with aclosing(calls.stream(request, call.rpc, call.message)) as events:
            async for message in events:
                event = cast("GenerationEvent", message)
                for data in call.events(event):
                    yield sse_event(data)
                    begun = True
                finished = finished or event.HasField("finish")
        if not finished:
            raise failure("INTERNAL", ErrorReason.INTERNAL_ERROR, "The answer ended half-way.")
    except Exception as problem:
        if finished:
            return  # the answer is whole, and its reader was told so
        failed = problem if isinstance(problem, CallFailed) else unforeseen(problem)
        failed = _in_its_words(failed, call.field_name)
        if not begun:
            raise failed from problem
        yield sse_event(orjson.dumps(dialect.envelope.stream_failure(failed.error)))


def _in_its_words(failed: CallFailed, field_name: Callable[[str], str]) -> CallFailed:
    """The failure with the fields called as the request called them."""
    error = Error()
    error.CopyFrom(failed.error)
    for violation in error.field_violations:
        violation.field = field_name(violation.field)
    if error.field_violations:
        # The server's message has the contract's names.
        named = (f"{each.field}: {each.description}" for each in error.field_violations)
        error.message = "; ".join(named)
    return CallFailed(error)

"""The endpoint: one message a request, and its answer as JSON or as events."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, cast

import orjson
from aiohttp import web

from funland_gateway.bodies import read_json
from funland_gateway.calls import Calls, authorization
from funland_gateway.config import GatewaySettings
from funland_gateway.failures import unforeseen
from funland_gateway.mcp.answers import called, complete, discovered, initialized, listed
from funland_gateway.mcp.calling import Calling, event
from funland_gateway.mcp.checks import (
    check_content,
    check_envelope,
    check_version,
    progress_token,
)
from funland_gateway.mcp.discovery import note_refusal
from funland_gateway.mcp.eras import SESSION_HEADER, VERSION_HEADER, Era, era_of
from funland_gateway.mcp.flights import Flights, Key
from funland_gateway.mcp.listing import tools_as_listed
from funland_gateway.mcp.messages import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Id,
    Notification,
    Refused,
    Request,
    Response,
    error_message,
    id_of,
    read_message,
    result_message,
)
from funland_gateway.mcp.running import Outcome, call_tool
from funland_gateway.mcp.ticking import Ticker
from funland_gateway.mcp.tool import text_content
from funland_gateway.mcp.tools import TOOLS
from funland_gateway.streams import EVENT_STREAM, Pulse, send_events, sse_comment

_LONGEST: Final = 100
"""Of what a client made up, in an answer."""

_TOOLS: Final = {tool.name: tool for tool in TOOLS}


class Endpoint:
    """Answers messages. It knows no sessions but by the calls that are under way."""

    def __init__(self) -> None:
        self._flights = Flights()

    async def answer(
        self, request: web.Request, calls: Calls, settings: GatewaySettings
    ) -> web.StreamResponse:
        """Answers one. Raises `CallFailed` for a body that can't be read."""
        version = request.headers.get(VERSION_HEADER)
        era = era_of(version, None)
        body: object = None
        try:
            check_content(request.content_type, request.headers.getall("Accept", []))
            body = await read_json(request, settings.max_body_bytes)
            era = era_of(version, body)
            message = read_message(body)
            if not isinstance(message, Request):
                return self._taken(request, message, era, version)
            if era is Era.ENVELOPE:
                check_envelope(request.headers, message)
            if message.method == "tools/call":
                return await self._call(request, message, era, calls, settings)
            return await _answered(message, era)
        except Refused as refused:
            status = refused.http_status(era)
            note_refusal(request, status, refused.message, _method(body))
            told = error_message(id_of(body), refused.code, refused.message, refused.data)
            return _json(told, status)

    def _taken(
        self, request: web.Request, message: Notification | Response, era: Era, version: str | None
    ) -> web.Response:
        """The answer to what wants none."""
        if era is Era.ENVELOPE:
            if isinstance(message, Response):
                raise Refused(INVALID_REQUEST, "Nobody has asked for a response.")
            check_version(version)
        elif isinstance(message, Notification) and message.method == "notifications/cancelled":
            named: object = message.params.get("requestId")
            if isinstance(named, int | str) and (key := _key(request, named)) is not None:
                self._flights.cancel(key)
        return web.Response(status=202)

    async def _call(
        self,
        request: web.Request,
        message: Request,
        era: Era,
        calls: Calls,
        settings: GatewaySettings,
    ) -> web.StreamResponse:
        name, arguments = _called(message.params)
        token = progress_token(message.params)
        tool = _TOOLS.get(name)
        if tool is None:
            known = f"There is no tool {name[:_LONGEST]!r}, but {', '.join(_TOOLS)}."
            told = called(Outcome([text_content(known)]), era)
            return _json(result_message(message.request_id, told))
        key = _key(request, message.request_id) if era is Era.HANDSHAKE else None
        run = partial(call_tool, request, calls, tool, arguments)
        call = Calling(run, message.request_id, era, self._flights, key)
        if token is None or tool.gathers is None:
            return _json(await call.whole())

        def failed(problem: Exception) -> bytes:
            told = unforeseen(problem).error.message
            return event(error_message(message.request_id, INTERNAL_ERROR, told))

        return await send_events(
            request,
            call.events(Ticker(token)),
            content_type=EVENT_STREAM,
            failed=failed,
            pulse=Pulse(settings.heartbeat_seconds, _waiting),
            send_timeout=settings.send_timeout_seconds,
        )


async def _answered(message: Request, era: Era) -> web.Response:
    """The answers that no model is needed for."""
    headers: dict[str, str] = {}
    match era, message.method:
        case Era.HANDSHAKE, "initialize":
            result = initialized(message.params.get("protocolVersion"))
            headers[SESSION_HEADER] = secrets.token_hex(16)
        case Era.HANDSHAKE, "ping":
            result = complete({}, era)
        case Era.ENVELOPE, "server/discover":
            result = discovered()
        case _, "tools/list":
            if message.params.get("cursor") is not None:
                raise Refused(INVALID_PARAMS, "params.cursor: there is one page only.")
            result = listed(await tools_as_listed(), era)
        case _:
            raise Refused(
                METHOD_NOT_FOUND, f"There is no method {message.method[:_LONGEST]!r} here."
            )
    return _json(result_message(message.request_id, result), headers=headers)


def _method(body: object) -> str:
    """What a message asks for, if it can be seen."""
    found = cast("dict[str, object]", body).get("method") if isinstance(body, dict) else None
    return found if isinstance(found, str) else ""


def _called(params: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    name: object = params.get("name")
    arguments: object = params.get("arguments")
    if not isinstance(name, str):
        raise Refused(INVALID_PARAMS, "params.name: must be a string, the tool's name.")
    if arguments is None:
        return name, {}
    if not isinstance(arguments, dict):
        raise Refused(INVALID_PARAMS, "params.arguments: must be an object.")
    return name, cast("dict[str, Any]", arguments)


def _key(request: web.Request, request_id: Id) -> Key | None:
    """By what a session takes a call back; None: the request names no session."""
    session = request.headers.get(SESSION_HEADER)
    return (authorization(request), session, request_id) if session else None


def _json(message: Mapping[str, Any], status: int = 200, **named: Any) -> web.Response:
    return web.Response(
        body=orjson.dumps(message), status=status, content_type="application/json", **named
    )


def _waiting() -> bytes:
    return sse_comment("waiting")

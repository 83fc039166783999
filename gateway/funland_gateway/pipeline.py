"""What every HTTP request passes: its id, the guards, errors to answers, one line in the log."""

from __future__ import annotations

import time
from http import HTTPStatus

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.bodies import BODY_TIMEOUT
from funland_gateway.config import GatewaySettings
from funland_gateway.connections import Connections
from funland_gateway.failures import CallFailed, failure, http_status, reason_name, unforeseen
from funland_gateway.guards import Guard
from funland_gateway.http_protocol import Respond
from funland_gateway.malformed import check_url
from funland_gateway.mcp.discovery import note_refusal
from funland_gateway.request_ids import request_id
from funland_gateway.routing import SHAPE, Handler, meant
from funland_gateway.sockets import UPGRADED
from funland_gateway.tracing import FAILED, Tracing, begin_request, end_request

_log = structlog.get_logger(__name__)

_GONE = 499  # nobody sees it but the log


def pipeline(
    settings: GatewaySettings,
    guard: Guard,
    connections: Connections,
    respond: Respond,
    tracing: Tracing | None = None,
) -> Middleware:
    """The gateway's one middleware. `respond` puts an error into the shape of the path's API."""

    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            guard.check(request)
            check_url(request.raw_path)
            return guard.preflight(request) or await handler(request)
        except web.HTTPMethodNotAllowed as problem:
            if request.method == hdrs.METH_OPTIONS:
                return web.Response(status=204, headers={"Allow": _allowed(problem)})
            failed, path = _wrong_method(request, problem), request.path
        except web.HTTPNotFound:
            if request.path == "*" and request.method == hdrs.METH_OPTIONS:
                return web.Response(status=204)
            hint = meant(request.path, request.app)
            failed, path = _wrong_path(request, hint), hint or request.path
        except CallFailed as problem:
            failed, path = problem, request.path
        except Exception as problem:
            failed, path = unforeseen(problem), request.path
        failed.error.request_id = failed.error.request_id or request_id(request)
        request[FAILED] = reason_name(failed.error)
        note_refusal(request, http_status(failed.error), reason_name(failed.error))
        shape = request.get(SHAPE)
        response = shape.error_response(failed.error) if shape else respond(failed.error, path)
        response.headers.update(_headers(failed.error))
        if not request.content.is_eof():
            response.force_close()  # what follows may be the rest of a body
        return response

    @web.middleware
    async def passing(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = time.monotonic()
        status = _GONE
        span = begin_request(tracing, request, request_id(request)) if tracing else None
        request[BODY_TIMEOUT] = settings.body_timeout_seconds
        try:
            with connections.handling(request):
                response = await answer(request, handler)
            status = response.status
            return response
        finally:
            if UPGRADED in request:
                status = HTTPStatus.SWITCHING_PROTOCOLS
            resource = request.match_info.route.resource
            _log.info(
                "request",
                method=request.method,
                route=resource.canonical if resource else None,
                status=status,
                ms=round((time.monotonic() - begun) * 1000, 1),
                request_id=request_id(request),
            )
            if span is not None and tracing is not None:
                end_request(span, status, request.get(FAILED, ""))
                tracing.enter(None)  # the connection may have further requests

    return passing


def _wrong_method(request: web.Request, problem: web.HTTPMethodNotAllowed) -> CallFailed:
    allowed = _allowed(problem)
    return failure(
        "UNIMPLEMENTED",
        ErrorReason.METHOD_NOT_ALLOWED,
        f"{request.path} does not take {request.method}, but {allowed}.",
        allowed=allowed,
    )


def _wrong_path(request: web.Request, hint: str | None) -> CallFailed:
    but = f", but at {hint}" if hint else ""
    return failure(
        "NOT_FOUND",
        ErrorReason.ROUTE_NOT_FOUND,
        f"There is nothing at {request.path}{but}. /openapi.json lists what there is.",
    )


def _allowed(problem: web.HTTPMethodNotAllowed) -> str:
    return ", ".join(sorted({*problem.allowed_methods, hdrs.METH_OPTIONS}))


def _headers(error: Error) -> dict[str, str]:
    """What HTTP says of an error in a header of its own."""
    if error.code == "UNAUTHENTICATED":
        return {"WWW-Authenticate": "Bearer"}
    if error.reason == ErrorReason.METHOD_NOT_ALLOWED:
        return {"Allow": error.metadata["allowed"]}
    if error.metadata.get("header") == "Content-Encoding":
        return {"Accept-Encoding": error.metadata["supported"]}
    return {}

"""What every HTTP request passes: its id, the guards, errors to answers, one line in the log."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.bodies import BODY_TIMEOUT
from funland_gateway.config import GatewaySettings
from funland_gateway.connections import Connections
from funland_gateway.failures import CallFailed, failure, unforeseen
from funland_gateway.guards import Guard
from funland_gateway.request_ids import request_id

_log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Respond = Callable[[Error, web.Request], web.Response]
_GONE = 499  # nobody sees it but the log


def pipeline(
    settings: GatewaySettings, guard: Guard, connections: Connections, respond: Respond
) -> Middleware:
    """The gateway's one middleware. `respond` puts an error into the shape of the path's API."""

    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            guard.check(request)
            return guard.preflight(request) or await handler(request)
        except Exception as problem:
            failed = _failed(problem, request)
        failed.error.request_id = failed.error.request_id or request_id(request)
        response = respond(failed.error, request)
        if allowed := failed.error.metadata.get("allowed"):
            response.headers["Allow"] = allowed
        if not request.content.is_eof():
            response.force_close()  # what follows may be the rest of a body
        return response

    @web.middleware
    async def passing(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = time.monotonic()
        status = _GONE
        request[BODY_TIMEOUT] = settings.body_timeout_seconds
        try:
            with connections.handling(request):
                response = await answer(request, handler)
            status = response.status
            return response
        finally:
            resource = request.match_info.route.resource
            _log.info(
                "request",
                method=request.method,
                route=resource.canonical if resource else None,
                status=status,
                ms=round((time.monotonic() - begun) * 1000, 1),
                request_id=request_id(request),
            )

    return passing


def _failed(problem: Exception, request: web.Request) -> CallFailed:
    if isinstance(problem, CallFailed):
        return problem
    if isinstance(problem, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(problem.allowed_methods))
        return failure(
            "UNIMPLEMENTED",
            ErrorReason.METHOD_NOT_ALLOWED,
            f"{request.path} does not take {request.method}, but {allowed}.",
            allowed=allowed,
        )
    if isinstance(problem, web.HTTPNotFound):
        return failure(
            "NOT_FOUND",
            ErrorReason.ROUTE_NOT_FOUND,
            f"There is nothing at {request.path}{_hint(request)}. /openapi.json lists what there"
            " is.",
        )
    return unforeseen(problem)


def _hint(request: web.Request) -> str:
    """What was meant by who left out the /v1 of a client's base URL."""
    meant = f"/v1{request.path}"
    known = {resource.canonical for resource in request.app.router.resources()}
    return f", but at {meant}" if meant in known else ""

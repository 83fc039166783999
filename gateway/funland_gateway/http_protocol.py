"""One connection's HTTP, as aiohttp reads it; but who sends what is none gets an answer of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.failures import CallFailed, failure, unforeseen
from funland_gateway.guards import protect
from funland_gateway.malformed import LONGEST_LINE, MOST_HEADERS, malformed, target
from funland_gateway.request_ids import HEADER, request_id

_log = structlog.get_logger(__name__)

Respond = Callable[[Error, str], web.Response]
"""Puts an error into the shape of the API that a path belongs to."""

_Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HttpProtocol(web.RequestHandler):
    """See `web.RequestHandler`, which has the other options."""

    __slots__ = ("_line", "_line_is_open", "_respond")

    def __init__(
        self, server: web.Server, respond: Respond, loop: asyncio.AbstractEventLoop, **options: Any
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
            max_headers=MOST_HEADERS,
            auto_decompress=False,  # `bodies` does it, within its own limits
            **options,
        )
        self._respond = respond
        self.expect()

    def expect(self) -> None:
        """The bytes that come next begin a request."""
        self._line = b""
        self._line_is_open = True

    def forget(self) -> None:
        """The request is known; what begins after it is not."""
        self._line = b""
        self._line_is_open = False

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._line_is_open:
            # The method stands before the URL.
            self._line = (self._line + data[: LONGEST_LINE + 16]).lstrip(b"\r\n")
            self._line_is_open = b"\n" not in self._line and len(self._line) <= LONGEST_LINE
        super().data_received(data)
        if self._messages:
            self._break_off()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what can't be read, or what no one foresaw."""
        if request.writer.output_size > 0:
            raise ConnectionError("Half an answer is sent; it can't become another.")
        problem = exc if isinstance(exc, Exception) else RuntimeError(message or "unknown")
        internal = status >= web.HTTPInternalServerError.status_code
        failed = unforeseen(problem) if internal else malformed(problem, self._line)
        return refuse(failed, request, target(self._line), self._respond)

    def _break_off(self) -> None:
        """Ends bodies that will never be whole. aiohttp leaves them open when their chunks don't
        add up, and only says so after the request; any other message follows a whole body."""
        broken = web.RequestPayloadError("the rest of it is no body")
        request = self._current_request
        if request is not None and not request.content.is_eof():
            request.content.set_exception(broken)
        for _, body in list(self._messages)[:-1]:
            if not body.is_eof():
                body.set_exception(broken)


def expecting(handle: _Handle, respond: Respond) -> _Handle:
    """The same handler, but for requests whose `Expect` can't be met: aiohttp answers them before
    any middleware, in a shape of its own."""

    async def checked(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", "").lower() in ("", "100-continue"):
            return await handle(request)
        failed = failure(
            "INVALID_ARGUMENT",
            ErrorReason.EXPECTATION_UNSUPPORTED,
            "The only `Expect` that is met is 100-continue.",
            supported="100-continue",
        )
        return refuse(failed, request, request.path, respond)

    return checked


def refuse(
    failed: CallFailed, request: web.BaseRequest, path: str, respond: Respond
) -> web.Response:
    """The answer to a request that never comes to the pipeline, and its line in the log."""
    failed.error.request_id = request_id(request)
    response = respond(failed.error, path)
    response.headers[HEADER] = failed.error.request_id
    protect(response, secure=request.secure)
    response.force_close()
    _log.info(
        "request",
        method=None,
        route=None,
        status=response.status,
        ms=0.0,
        request_id=failed.error.request_id,
    )
    return response

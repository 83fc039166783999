"""Traces, as the gateway has them: whoever starts it says who keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from aiohttp import web

Carrier: TypeAlias = Sequence[tuple[str, str]]
"""`traceparent` and perhaps `tracestate`, as W3C's Trace Context has them; empty: no trace."""
Attributes: TypeAlias = Mapping[str, str | int]

SERVER: Final = "server"
CLIENT: Final = "client"
CANCELLED: Final = "CANCELLED"

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
CARRIER = web.RequestKey("carrier", tuple[tuple[str, str], ...])
"""What the calls of a request go on with."""
FAILED = web.RequestKey("failed", str)
"""How a request failed, where its status does not tell: a reason of the contract."""

_PARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,64})?"
)
_STATE: Final = re.compile(r"[ -~]{1,512}")
_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)


class Span(Protocol):
    """Something that takes its time, in a trace."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        ...

    @property
    def carrier(self) -> Carrier:
        """What others are told who go on with the trace."""
        ...

    def set(self, attributes: Attributes) -> None:
        """Says more of it."""
        ...

    def end(self, error: str = "", *, fault: bool = True) -> None:
        """Ends it. `error` is a reason of the contract; without `fault` it is not whose span it is
        that failed. Ending twice is no error."""
        ...


class Tracing(Protocol):
    """Begins traces, or goes on with those of others."""

    @property
    def on(self) -> bool:
        """Whether there are traces at all."""
        ...

    def begin(
        self, name: str, *, kind: str, carrier: Carrier = (), attributes: Attributes | None = None
    ) -> Span:
        """Begins a span below that of the carrier; without, a trace. `kind` is `SERVER` or
        `CLIENT`."""
        ...

    def enter(self, span: Any) -> None:
        """From here on this task, and those that it begins, are part of a span; None: of none."""
        ...


def carried(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Which trace a request says that it is part of. What is broken is passed over, as W3C's Trace
    Context wants it."""
    if (parent := headers.get(TRACEPARENT)) is None or not _PARENT.fullmatch(parent):
        return ()
    state = headers.get(TRACESTATE, "")
    told = ((TRACESTATE, state),) if _STATE.fullmatch(state) else ()
    return ((TRACEPARENT, parent), *told)


def begin_request(tracing: Tracing, request: web.Request, request_id: str) -> Span:
    """Begins the span of a request, as OpenTelemetry's conventions have it, but for its path and
    its query: these may hold what is nobody else's."""
    method = request.method if request.method in _METHODS else "_OTHER"
    told = {
        "http.request.method": method, "url.scheme": request.scheme,
        "funland.request_id": request_id,
    }  # fmt: skip
    resource = request.match_info.route.resource
    route = resource.canonical if resource else ""
    if route:
        told["http.route"] = route
    name = " ".join(part for part in ("HTTP" if method == "_OTHER" else method, route) if part)
    span = tracing.begin(name, kind=SERVER, carrier=carried(request.headers), attributes=told)
    request[CARRIER] = tuple(span.carrier)
    tracing.enter(span)
    return span


def end_request(span: Span, status: int, failed: str) -> None:
    """Ends the span of a request that was answered with a status; 499: nobody was there to be."""
    span.set({"http.response.status_code": status})
    error, fault = outcome(status, failed)
    span.end(error, fault=fault)


def outcome(status: int, failed: str) -> tuple[str, bool]:
    """How a request ended: its error, empty if it has none, and whether that is our fault."""
    if status == _GONE or failed == CANCELLED:
        return CANCELLED, False
    if status >= _SERVERS:
        return failed or str(status), True
    if status >= _CLIENTS:
        return failed or str(status), False
    return failed, bool(failed)  # it had begun to answer, and then it failed


_GONE: Final = 499
_CLIENTS: Final = 400
_SERVERS: Final = 500

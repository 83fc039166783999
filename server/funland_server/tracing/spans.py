"""Spans, as all parts of the server have them: what is traced knows of nobody who keeps it.

Where traces are off, `NO_TRACES` makes `NO_SPAN`s, which are one object, and nothing else happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Final, Protocol, TypeAlias

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import FunlandError

Value: TypeAlias = str | int | float | Sequence[str]
Attributes: TypeAlias = Mapping[str, Value]
Carrier: TypeAlias = Sequence[tuple[str, str]]
"""`traceparent` and perhaps `tracestate`, as W3C's Trace Context has them; empty: no trace."""

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
CANCELLED: Final = "CANCELLED"


class Kind(Enum):
    """Which side of a call a span is."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    CONSUMER = "consumer"


class Span(Protocol):
    """Something that takes its time, in a trace. Times are in nanoseconds since 1970."""

    @property
    def recording(self) -> bool:
        """Whether anybody will see it."""
        ...

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits; empty: it is in no trace."""
        ...

    @property
    def carrier(self) -> Carrier:
        """What others are told who go on with the trace."""
        ...

    def set(self, attributes: Attributes) -> None:
        """Says more of it."""
        ...

    def child(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        attributes: Attributes | None = None,
        begin: int | None = None,
    ) -> Span:
        """Begins a part of it; now, or then."""
        ...

    def end(self, error: str = "", *, fault: bool = True, at: int | None = None) -> None:
        """Ends it, now or then. `error` is a reason of the contract, or what else can be counted;
        without `fault` it is not whose span it is that failed. Ending twice is no error."""
        ...


class Tracing(Protocol):
    """Begins traces, or goes on with those of others."""

    @property
    def on(self) -> bool:
        """Whether there are traces at all."""
        ...

    def begin(
        self,
        name: str,
        *,
        kind: str,
        carrier: Carrier = (),
        attributes: Attributes | None = None,
        links: Sequence[Carrier] = (),
    ) -> Span:
        """Begins a span below that of the carrier; without, a trace, which may tell of others.
        `kind` is the value of a `Kind`."""
        ...

    def enter(self, span: Span | None) -> None:
        """From here on this task, and those that it begins, are part of a span; None: of none."""
        ...

    async def close(self, seconds: float) -> None:
        """Sends what there is, for so long; what ends later is lost."""
        ...


class NoSpan:
    """A span where there are no traces."""

    recording = False
    trace_id = ""
    carrier: Carrier = ()

    def set(self, attributes: Attributes) -> None:
        """See `Span`."""

    def child(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        attributes: Attributes | None = None,
        begin: int | None = None,
    ) -> Span:
        """See `Span`."""
        return self

    def end(self, error: str = "", *, fault: bool = True, at: int | None = None) -> None:
        """See `Span`."""


NO_SPAN: Final = NoSpan()

_current: ContextVar[Span] = ContextVar("span", default=NO_SPAN)


def current() -> Span:
    """What this task is part of."""
    return _current.get()


def enter(span: Span) -> None:
    """From here on this task, and those that it begins, are part of a span."""
    _current.set(span)


class NoTraces:
    """Traces that are off."""

    on = False

    def begin(
        self,
        name: str,
        *,
        kind: str,
        carrier: Carrier = (),
        attributes: Attributes | None = None,
        links: Sequence[Carrier] = (),
    ) -> Span:
        """See `Tracing`."""
        return NO_SPAN

    def enter(self, span: Span | None) -> None:
        """See `Tracing`."""

    async def close(self, seconds: float) -> None:
        """See `Tracing`."""


NO_TRACES: Final = NoTraces()


def error_type(error: BaseException) -> str:
    """What a span says of how it failed: never words, which may be a caller's."""
    if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        return CANCELLED
    if isinstance(error, FunlandError):
        return ErrorReason.Name(error.reason) if error.reason else error.code
    return ErrorReason.Name(ErrorReason.INTERNAL_ERROR)


@contextmanager
def ending(span: Span) -> Generator[Span]:
    """Ends a span with the block, and as that ended."""
    try:
        yield span
    except BaseException as error:
        reason = error_type(error)
        span.end(reason, fault=reason != CANCELLED)
        raise
    else:
        span.end()

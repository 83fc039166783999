"""Traces that OpenTelemetry's SDK keeps and sends to a collector; imported where they are on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from funland_server.tracing.spans import NO_SPAN, Attributes, Carrier, Kind, Span, enter

logger = structlog.get_logger(__name__)

_PACKAGE: Final = "funland"
_ERROR_TYPE: Final = "error.type"
_TELL_SECONDS: Final = 60.0
_KINDS: Final = {
    Kind.INTERNAL.value: SpanKind.INTERNAL,
    Kind.SERVER.value: SpanKind.SERVER,
    Kind.CLIENT.value: SpanKind.CLIENT,
    Kind.CONSUMER.value: SpanKind.CONSUMER,
}
_WIRE: Final = TraceContextTextMapPropagator()


class ExportedTraces:
    """A `Tracing` whose spans go to a collector, from a thread of their own: nobody waits for it,
    and what it does not take in time is lost."""

    on = True

    def __init__(self, endpoint: str, ratio: float | None) -> None:
        """`ratio` is how many of the traces that begin here are kept; None: as the variables of
        OpenTelemetry say, which by default is all. May raise what their values make it raise."""
        # What it says of each try, `Telling` says once a minute.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http:"))
        self._processor = BatchSpanProcessor(Telling(exporter))
        self._provider = TracerProvider(
            sampler=None if ratio is None else ParentBased(TraceIdRatioBased(ratio)),
            resource=_resource(),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer(_PACKAGE, version(_PACKAGE))

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
        span = self._tracer.start_span(
            name,
            context=_context(carrier),
            kind=_KINDS[kind],
            attributes=attributes,
            links=[Link(get_current_span(_context(one)).get_span_context()) for one in links],
        )
        return _Exported(self._tracer, span)

    def enter(self, span: Span | None) -> None:
        """See `Tracing`."""
        enter(span or NO_SPAN)

    async def close(self, seconds: float) -> None:
        """See `Tracing`."""
        batches: Any = getattr(self._processor, "_batch_processor")  # noqa: B009 - the processor's own `shutdown` has no bound
        await asyncio.to_thread(batches.shutdown, timeout_millis=int(1e3 * seconds))


class _Exported:
    """A span of the SDK."""

    def __init__(self, tracer: Any, span: OtelSpan) -> None:
        self._tracer = tracer
        self._span = span
        self.recording = span.is_recording()

    @property
    def trace_id(self) -> str:
        """See `Span`."""
        return f"{self._span.get_span_context().trace_id:032x}"

    @property
    def carrier(self) -> Carrier:
        """See `Span`."""
        told: dict[str, str] = {}
        _WIRE.inject(told, set_span_in_context(self._span, Context()))
        return tuple(told.items())

    def set(self, attributes: Attributes) -> None:
        """See `Span`."""
        self._span.set_attributes(attributes)

    def child(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        attributes: Attributes | None = None,
        begin: int | None = None,
    ) -> Span:
        """See `Span`."""
        span = self._tracer.start_span(
            name,
            context=set_span_in_context(self._span, Context()),
            kind=_KINDS[kind.value],
            attributes=attributes,
            start_time=begin,
        )
        return _Exported(self._tracer, span)

    def end(self, error: str = "", *, fault: bool = True, at: int | None = None) -> None:
        """See `Span`."""
        if not self._span.is_recording():
            return
        if error:
            self._span.set_attribute(_ERROR_TYPE, error)
            if fault:
                self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(at)


class Telling(SpanExporter):
    """Exports, and says now and then in our own log how many spans did not arrive."""

    def __init__(self, exporter: SpanExporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._exporter = exporter
        self._clock = clock
        self._lost = 0
        self._told = -_TELL_SECONDS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends spans; in the processor's thread."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost += len(spans)
            now = self._clock()
            if now - self._told >= _TELL_SECONDS:
                logger.warning("traces_not_taken", spans=self._lost)
                self._told, self._lost = now, 0
        return result

    def shutdown(self) -> None:
        """Ends at once."""
        self._exporter.shutdown()


def _context(carrier: Carrier) -> Context:
    return _WIRE.extract(dict(carrier), Context())


def _resource() -> Resource:
    """What sends: the variables of OpenTelemetry go before what is said here."""
    ours = Resource({SERVICE_NAME: _PACKAGE, SERVICE_VERSION: version(_PACKAGE)})
    told = Resource.create()
    named = told.attributes.get(SERVICE_NAME, "")
    if str(named).startswith("unknown_service"):
        return told.merge(ours)
    return ours.merge(told)

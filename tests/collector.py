"""A collector that takes traces by OTLP over gRPC, as other people's do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,  # pyright: ignore[reportUnknownVariableType] - generated
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Told:
    """A span as it came."""

    span: Span
    attributes: dict[str, Any]

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def kind(self) -> str:
        return Span.SpanKind.Name(self.span.kind).removeprefix("SPAN_KIND_")

    @property
    def trace_id(self) -> str:
        return self.span.trace_id.hex()

    @property
    def failed(self) -> bool:
        return self.span.status.code == Status.STATUS_CODE_ERROR


class Collector(TraceServiceServicer):
    """Keeps what comes."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.resources: list[dict[str, Any]] = []
        self._spans: list[Told] = []
        self._news = threading.Condition()
        self.answers = threading.Event()
        """Whether it answers; while not, it leaves who asks waiting."""
        self.answers.set()
        self.asked = threading.Event()

    def Export(
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        self.asked.set()
        self.answers.wait(_SECONDS)
        with self._news:
            self.raw.append(request.SerializeToString())
            for resource in request.resource_spans:
                self.resources.append(_attributes(resource.resource.attributes))
                for scope in resource.scope_spans:
                    self._spans += [Told(one, _attributes(one.attributes)) for one in scope.spans]
            self._news.notify_all()
        return ExportTraceServiceResponse()

    def trace(self, trace_id: str, name: str) -> list[Told]:
        """The spans of a trace, once that of the name, which ends last, has come."""
        return [
            one
            for one in self.until(
                lambda spans: any(one.trace_id == trace_id and one.name == name for one in spans)
            )
            if one.trace_id == trace_id
        ]

    def until(self, enough: Callable[[list[Told]], bool]) -> list[Told]:
        """All spans, once they are enough."""
        with self._news:
            assert self._news.wait_for(lambda: enough(self._spans), _SECONDS), [
                one.name for one in self._spans
            ]
            return list(self._spans)


@contextmanager
def collecting() -> Generator[tuple[Collector, str]]:
    """A collector, and its URL."""
    collector = Collector()
    server: Any = grpc.server(ThreadPoolExecutor(4))
    add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        collector.answers.set()
        server.stop(None).wait()


def tree(spans: list[Told]) -> dict[str, Any]:
    """The spans by name, in the order of their beginnings: each with those below it."""
    ids = {one.span.span_id for one in spans}
    ordered = sorted(spans, key=lambda one: one.span.start_time_unix_nano)

    def below(parent: bytes | None) -> dict[str, Any]:
        return {
            one.name: below(one.span.span_id)
            for one in ordered
            if (one.span.parent_span_id == parent)
            or (parent is None and one.span.parent_span_id not in ids)
        }

    return below(None)


def _attributes(pairs: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        told[pair.key] = (
            [one.string_value for one in value.values] if kind == "array_value" else value
        )
    return told

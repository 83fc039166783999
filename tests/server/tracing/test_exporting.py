"""Traces reach a collector, and one that is dead or slow holds nobody up."""

from __future__ import annotations

import socket
import sys
import time

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext
from structlog.testing import capture_logs

from funland_server.errors import StartError
from funland_server.tracing.choice import traces
from funland_server.tracing.exporting import ExportedTraces, Telling
from funland_server.tracing.spans import NO_SPAN, NO_TRACES
from tests.collector import collecting

A_WHILE = 10.0
"""Far more seconds than a bound of half of one takes on a busy machine, and less than the SDK's own
patience of half a minute."""


@pytest.fixture
def nobody() -> str:
    """The URL of a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


async def test_what_is_not_sent_yet_is_sent_at_the_end() -> None:
    with collecting() as (collector, url):
        tracing = ExportedTraces(url, None)
        span = tracing.begin("a", kind="server")
        span.child("b").end()
        span.end("MODEL_NOT_FOUND", fault=False)

        await tracing.close(A_WHILE)

        child, parent = collector.until(lambda spans: len(spans) == 2)
    assert (child.name, parent.name) == ("b", "a")
    assert child.span.parent_span_id == parent.span.span_id
    assert (parent.attributes["error.type"], parent.failed) == ("MODEL_NOT_FOUND", False)


async def test_a_link_tells_of_another_trace() -> None:
    with collecting() as (collector, url):
        tracing = ExportedTraces(url, None)
        submit = tracing.begin("submit", kind="server")
        run = tracing.begin("run", kind="consumer", links=[submit.carrier])
        run.end()
        submit.end()

        await tracing.close(A_WHILE)

        ran, submitted = collector.until(lambda spans: len(spans) == 2)
    assert ran.trace_id != submitted.trace_id
    assert [link.span_id for link in ran.span.links] == [submitted.span.span_id]


async def test_none_are_kept_of_a_ratio_of_nothing() -> None:
    with collecting() as (collector, url):
        tracing = ExportedTraces(url, 0.0)
        span = tracing.begin("a", kind="server")
        part = span.child("b")
        asked = tracing.begin("c", kind="server", carrier=[("traceparent", sampled())])
        for one in (part, span, asked):
            one.end()

        await tracing.close(A_WHILE)

        assert (span.recording, part.recording) == (False, False)
        (kept,) = collector.until(bool)
    assert kept.name == "c"  # whoever began that trace keeps it


def sampled() -> str:
    return f"00-{1:032x}-{2:016x}-01"


async def test_a_collector_that_is_not_there_holds_nobody_up(nobody: str) -> None:
    tracing = ExportedTraces(nobody, None)
    for _ in range(3):
        tracing.begin("a", kind="server").end()
    begun = time.monotonic()

    await tracing.close(0.5)

    assert time.monotonic() - begun < A_WHILE


def test_what_is_not_taken_is_told_once_a_minute(nobody: str) -> None:
    now = [0.0]
    exporter = OTLPSpanExporter(endpoint=nobody, insecure=True, timeout=1)
    telling = Telling(exporter, lambda: now[0])
    spans = [ReadableSpan(name="a", context=SpanContext(1, 2, is_remote=False))]

    with capture_logs() as lines:
        for seconds in (0.0, 59.0, 61.0):
            now[0] = seconds
            assert telling.export(spans) is SpanExportResult.FAILURE
    telling.shutdown()

    assert [(line["event"], line["log_level"], line["spans"]) for line in lines] == [
        ("traces_not_taken", "warning", 1), ("traces_not_taken", "warning", 2),
    ]  # fmt: skip


async def test_a_collector_that_does_not_answer_holds_nobody_up() -> None:
    with collecting() as (collector, url):
        collector.answers.clear()
        tracing = ExportedTraces(url, None)
        for _ in range(5000):  # more than the SDK keeps
            tracing.begin("a", kind="server").end()
        assert collector.asked.wait(A_WHILE)

        begun = time.monotonic()
        await tracing.close(0.5)

        assert time.monotonic() - begun < A_WHILE


def test_without_an_endpoint_there_are_none() -> None:
    assert traces(None, 0.5) is NO_TRACES
    assert NO_TRACES.begin("a", kind="server") is NO_SPAN
    assert NO_SPAN.child("b") is NO_SPAN


@pytest.mark.parametrize("package", ["opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc"])
def test_without_its_packages_the_start_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(StartError, match=r"server\.traces_endpoint.*pip install 'funland\[traces"):
        traces("http://127.0.0.1:4317", None)


def test_a_variable_that_is_wrong_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")

    with pytest.raises(StartError, match="OTEL_"):
        traces("http://127.0.0.1:4317", None)

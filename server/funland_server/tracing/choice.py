"""Whether there are traces, as the settings say."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from funland_server.errors import StartError
from funland_server.tracing.spans import NO_TRACES, Tracing

CLOSE_SECONDS: Final = 3.0
"""How long a service that stops waits for its last spans to be taken."""
_NEEDED: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc")


def traces(endpoint: str | None, ratio: float | None) -> Tracing:
    """Traces that go to a collector, if there is one.

    Raises:
        StartError: What it takes is not installed, or is told what it can't do.
    """
    if endpoint is None:
        return NO_TRACES
    if not all(_is_installed(name) for name in _NEEDED):
        raise StartError(
            "server.traces_endpoint is set, and what sends traces is not installed:"
            " pip install 'funland[traces]'."
        )
    # Only who has a collector has what it takes installed.
    from funland_server.tracing.exporting import ExportedTraces  # noqa: PLC0415

    try:
        return ExportedTraces(endpoint, ratio)
    except Exception as error:
        raise StartError(
            f"Traces can't be sent: {error}. Look at the variables that begin with OTEL_."
        ) from error


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False

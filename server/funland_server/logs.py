"""Structured logs: one event a line, with the id of the call that it belongs to."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from funland_server.config import ServerSettings
from funland_server.tracing.spans import current


def configure(settings: ServerSettings) -> None:
    """Sends structlog's and the standard library's events to standard error in one form."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if settings.traces_endpoint is not None:
        shared.insert(1, _add_trace_id)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # A traceback with the values of variables would show what callers sent.
    renderer: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # what it does, we say
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # it would tell each value stored
    root = logging.getLogger()
    root.handlers = [handler]
    set_level(settings)


def _add_trace_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
    if trace_id := current().trace_id:
        event.setdefault("trace_id", trace_id)
    return event


def set_level(settings: ServerSettings) -> None:
    """Logs what is of the least level, or above it."""
    logging.getLogger().setLevel(settings.log_level.upper())

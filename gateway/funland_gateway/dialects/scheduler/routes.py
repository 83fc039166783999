"""The `scheduler` dialect's table, as its document lists its endpoints.

What the document has of speech and pictures is not served yet.
"""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.scheduler import generation, schemas, system, tasks
from funland_gateway.dialects.scheduler.errors import ENVELOPE

_TAG: Final = "scheduler"

SCHEDULER: Final = Dialect(
    name=_TAG,
    prefixes=("/api/v1/tasks/", "/api/v1/llm/"),
    envelope=ENVELOPE,
    routes=(
        Route(
            "GET",
            "/api/v1/health",
            system.get_health,
            "Tells how the server is.",
            _TAG,
            response_schema=schemas.HEALTH,
        ),
        Route(
            "GET",
            "/api/v1/status",
            system.get_status,
            "Tells what the server takes of the machine, and how full its queues are.",
            _TAG,
            response_schema=schemas.STATUS,
        ),
        Route(
            "GET",
            "/api/v1/tasks/{task_id}",
            tasks.get_task,
            "Tells where a task stands.",
            _TAG,
            response_schema=schemas.TASK,
            query=tasks.GET_QUERY,
        ),
        Route(
            "DELETE",
            "/api/v1/tasks/{task_id}",
            tasks.cancel_task,
            "Cancels a task; answers when it has ended.",
            _TAG,
            response_schema=schemas.CANCELLED,
        ),
        Route(
            "POST",
            "/api/v1/llm/generate",
            generation.generate,
            "Answers a prompt.",
            _TAG,
            schemas.GENERATE_REQUEST,
            schemas.GENERATED,
            streams=True,
        ),
        Route(
            "POST",
            "/api/v1/llm/generate/async",
            generation.generate_async,
            "Makes a task of a prompt, and answers at once.",
            _TAG,
            schemas.ASYNC_REQUEST,
            schemas.SUBMITTED,
        ),
        Route(
            "POST",
            "/api/v1/llm/generate/stream",
            generation.generate_stream,
            "Answers a prompt; sends the text as it comes.",
            _TAG,
            schemas.STREAM_REQUEST,
            schemas.STREAM_EVENT,
            streams=True,
        ),
    ),
)

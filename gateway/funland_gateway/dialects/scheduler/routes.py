"""The `scheduler` dialect's table, as its document lists its endpoints; one more has the files that
tasks make."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.scheduler import (
    generation,
    media_schemas,
    pictures,
    schemas,
    speech,
    system,
    tasks,
)
from funland_gateway.dialects.scheduler.errors import ENVELOPE

_TAG: Final = "scheduler"

SCHEDULER: Final = Dialect(
    name=_TAG,
    prefixes=("/api/v1/tasks/", "/api/v1/llm/", "/api/v1/tts/", "/api/v1/image/"),
    envelope=ENVELOPE,
    routes=(
        Route(
            "GET",
            "/api/v1/health",
            system.get_health,
            "Tells how the server is.",
            _TAG,
            response_schema=schemas.HEALTH,
            open=True,
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
            "GET",
            "/api/v1/tasks/{task_id}/files/{file_id}",
            tasks.get_file,
            "Sends a sound or a picture that a task has made.",
            _TAG,
            binary=True,
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
        Route(
            "POST",
            "/api/v1/tts/generate",
            speech.generate,
            "Speaks a text.",
            _TAG,
            media_schemas.SPEECH_REQUEST,
            media_schemas.SPOKEN,
        ),
        Route(
            "POST",
            "/api/v1/tts/generate/async",
            speech.generate_async,
            "Makes a task of a text to speak, and answers at once.",
            _TAG,
            media_schemas.SPEECH_REQUEST,
            schemas.SUBMITTED,
        ),
        Route(
            "POST",
            "/api/v1/tts/batch",
            speech.generate_batch,
            "Makes one task of several texts to speak, and answers at once.",
            _TAG,
            media_schemas.SPEECH_BATCH_REQUEST,
            media_schemas.BATCH_SUBMITTED,
        ),
        Route(
            "POST",
            "/api/v1/image/generate",
            pictures.generate,
            "Makes a task of a picture to paint, and answers at once.",
            _TAG,
            media_schemas.IMAGE_REQUEST,
            media_schemas.IMAGE_SUBMITTED,
        ),
        Route(
            "GET",
            "/api/v1/image/result/{task_id}",
            pictures.get_result,
            "Tells what was painted, or how far that is.",
            _TAG,
            response_schema=media_schemas.PAINTED,
            query=pictures.RESULT_QUERY,
        ),
    ),
)

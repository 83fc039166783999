"""The `hellovm` dialect's table, as its document lists its endpoints.

What the document has of plugins is not served yet.
"""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.hellovm import (
    acceleration,
    chat,
    chat_schemas,
    downloads,
    hardware,
    machine_schemas,
    models,
    schemas,
    system,
)
from funland_gateway.dialects.hellovm.chat_talk import DESCRIPTION
from funland_gateway.dialects.hellovm.errors import ENVELOPE

_TAG: Final = "hellovm"

HELLOVM: Final = Dialect(
    name=_TAG,
    prefixes=(
        "/api/v1/hardware/",
        "/api/v1/models/",
        "/api/v1/downloads/",
        "/api/v1/chat/",
        "/api/v1/system/",
    ),
    envelope=ENVELOPE,
    routes=(
        Route(
            "GET",
            "/api/v1/hardware",
            hardware.list_devices,
            "Lists the devices that models can be computed on.",
            _TAG,
            response_schema=machine_schemas.DEVICES,
            query=hardware.LIST_QUERY,
        ),
        Route(
            "GET",
            "/api/v1/hardware/{device_id}/metrics",
            hardware.get_metrics,
            "Tells what a device does, now and before.",
            _TAG,
            response_schema=machine_schemas.METRICS,
        ),
        Route(
            "POST",
            "/api/v1/hardware/acceleration",
            acceleration.set_acceleration,
            "Sets which devices models are computed on, from their next load on.",
            _TAG,
            machine_schemas.ACCELERATION_REQUEST,
            machine_schemas.ACCELERATION,
        ),
        Route(
            "GET",
            "/api/v1/models/search",
            models.search_models,
            "Searches ModelScope.",
            _TAG,
            response_schema=schemas.MODELS,
            query=models.SEARCH_QUERY,
        ),
        Route(
            "GET",
            "/api/v1/models/{model_id}",
            models.get_model,
            "Tells all that ModelScope tells of a model.",
            _TAG,
            response_schema=schemas.MODEL,
        ),
        Route(
            "POST",
            "/api/v1/models/download",
            downloads.start,
            "Starts to download a model from ModelScope.",
            _TAG,
            schemas.DOWNLOAD_REQUEST,
            schemas.STARTED,
        ),
        Route(
            "GET",
            "/api/v1/downloads",
            downloads.list_downloads,
            "Lists the downloads, the newest first.",
            _TAG,
            response_schema=schemas.DOWNLOADS,
            query=downloads.LIST_QUERY,
        ),
        Route(
            "POST",
            "/api/v1/downloads/{download_id}/control",
            downloads.control,
            "Pauses, resumes, cancels or tries a download again.",
            _TAG,
            schemas.CONTROL_REQUEST,
            schemas.CONTROLLED,
        ),
        Route(
            "POST",
            "/api/v1/chat/sessions",
            chat.create_session,
            "Begins a chat that the server keeps.",
            _TAG,
            chat_schemas.CREATE_REQUEST,
            chat_schemas.CREATED,
        ),
        Route(
            "POST",
            "/api/v1/chat/sessions/{session_id}/messages",
            chat.send_message,
            "Says something and answers, or tells the answer while it is written.",
            _TAG,
            chat_schemas.SEND_REQUEST,
            chat_schemas.ANSWERED,
            streams=True,
        ),
        Route(
            "GET",
            "/api/v1/chat/sessions/{session_id}/stream",
            chat.stream,
            "Tells what happens in a chat, and hears what is said in it.",
            _TAG,
            query=chat.STREAM_QUERY,
            upgrades=True,
            description=DESCRIPTION,
        ),
        Route(
            "GET",
            "/api/v1/system/status",
            system.get_status,
            "Tells how the server and its parts are.",
            _TAG,
            response_schema=machine_schemas.STATUS,
        ),
        Route(
            "GET",
            "/api/v1/system/config",
            system.get_config,
            "Tells the settings that the document knows.",
            _TAG,
            response_schema=machine_schemas.CONFIG,
        ),
    ),
)

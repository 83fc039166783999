"""The `hellovm` dialect's table, as its document lists its endpoints.

What the document has of hardware, chats, plugins and the system is not served yet.
"""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.hellovm import downloads, models, schemas
from funland_gateway.dialects.hellovm.errors import ENVELOPE

_TAG: Final = "hellovm"

HELLOVM: Final = Dialect(
    name=_TAG,
    prefixes=("/api/v1/models/", "/api/v1/downloads/"),
    envelope=ENVELOPE,
    routes=(
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
    ),
)

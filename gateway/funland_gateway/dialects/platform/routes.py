"""The `platform` dialect's table, as its document lists its endpoints.

What the document has of accounts, projects, tasks, data, training and inference is not served yet.
"""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.platform import schemas
from funland_gateway.dialects.platform.errors import ENVELOPE
from funland_gateway.dialects.platform.gpu import get_gpus

_TAG: Final = "platform"

PLATFORM: Final = Dialect(
    name=_TAG,
    prefixes=("/api/v1/gpu/",),
    envelope=ENVELOPE,
    routes=(
        Route(
            "GET",
            "/api/v1/gpu",
            get_gpus,
            "Tells what the graphics processors do now.",
            _TAG,
            response_schema=schemas.GPUS,
        ),
    ),
)

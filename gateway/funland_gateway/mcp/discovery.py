"""Tells the log of a refused discovery.

Clients take any refusal of `server/discover` for an older server and shake hands in silence, so
that a wrong key or a proxy in between would show as an old protocol, and nowhere else.
"""

from __future__ import annotations

from typing import Final

import structlog
from aiohttp import web

from funland_gateway.mcp.eras import METHOD_HEADER
from funland_gateway.request_ids import request_id

_log = structlog.get_logger(__name__)

DISCOVER: Final = "server/discover"


def note_refusal(request: web.Request, status: int, reason: str, method: str = "") -> None:
    """Logs that a request got no answer, if it is a discovery. `method` is the message's own, where
    that was read; else its header says so."""
    if DISCOVER in (method, request.headers.get(METHOD_HEADER)):
        _log.warning(
            "mcp_discovery_refused",
            status=status,
            reason=reason[:200],
            request_id=request_id(request),
        )

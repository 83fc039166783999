"""The id that a request has in headers, in logs and at the server."""

from __future__ import annotations

import re
import uuid

from aiohttp import web

HEADER = "x-request-id"

_REQUEST_ID = web.RequestKey("request_id", str)
_VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(request: web.BaseRequest) -> str:
    """The caller's `x-request-id` if it is a fit one, else a new id; the same at every call."""
    known = request.get(_REQUEST_ID)
    if known is None:
        asked = request.headers.get(HEADER, "")
        known = asked if _VALID.fullmatch(asked) else uuid.uuid4().hex
        request[_REQUEST_ID] = known
    return known

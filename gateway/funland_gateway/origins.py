"""Where a request's client finds the gateway."""

from __future__ import annotations

from aiohttp import web


def origin(request: web.Request) -> str:
    """The scheme and authority under which the request came, such as `http://localhost:8000`.

    A proxy that takes https in front of the gateway says so in `X-Forwarded-Proto`. Who says it
    falsely is the only one who is told it.
    """
    secure = request.headers.get("X-Forwarded-Proto", "").lower() == "https"
    return f"{'https' if secure else request.scheme}://{request.headers.get('Host', '')}"

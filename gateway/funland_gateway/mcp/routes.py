"""MCP as the gateway speaks it: https://modelcontextprotocol.io/specification."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Incoming, Own, Route
from funland_gateway.mcp.endpoint import Endpoint
from funland_gateway.mcp.errors import ENVELOPE

_TAG: Final = "mcp"


def mcp() -> Dialect:
    """The API of one gateway, with the calls that are under way there."""
    endpoint = Endpoint()

    def exchange(_: Incoming) -> Own:
        """Answers a message."""
        return Own(endpoint.answer)

    route = Route(
        "POST",
        "/mcp",
        exchange,
        "Answers a message of the Model Context Protocol.",
        _TAG,
        description="The body is one JSON-RPC message, and so is the answer, or each of its events."
        " docs/mcp.md tells which tools there are.",
    )
    return Dialect(name=_TAG, prefixes=("/mcp/",), routes=(route,), envelope=ENVELOPE)

"""The results of the protocol's methods, as each era has them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from funland_gateway.mcp.eras import SERVER_KEY, VERSIONS, Era, negotiated
from funland_gateway.mcp.running import Outcome

INSTRUCTIONS: Final = (
    "Funland runs AI models on the user's own machine: it chats, paints, speaks, writes down what"
    " is said, and downloads models. Tools that take `model` have a default one. Pictures and long"
    " texts may take minutes on a small machine. A model that is missing is found by search_models"
    " and brought by pull_model; wait_for_download tells when it is here."
)
_FRESH_MS: Final = 300_000
"""How long clients may keep what `tools/list` and `server/discover` tell: it changes with Funland's
version alone."""
_CAPABILITIES: Final[Mapping[str, Any]] = {"tools": {}}


def initialized(asked: object) -> dict[str, Any]:
    """What `initialize` is answered, to who asks for a version."""
    return {
        "protocolVersion": negotiated(asked),
        "capabilities": _CAPABILITIES,
        "serverInfo": _server(),
        "instructions": INSTRUCTIONS,
    }


def discovered() -> dict[str, Any]:
    """What `server/discover` is answered."""
    told = {
        "supportedVersions": list(VERSIONS),
        "capabilities": _CAPABILITIES,
        "instructions": INSTRUCTIONS,
        **_kept(),
    }
    return complete(told, Era.ENVELOPE)


def listed(tools: list[dict[str, Any]], era: Era) -> dict[str, Any]:
    """What `tools/list` is answered: all on one page."""
    kept = _kept() if era is Era.ENVELOPE else {}
    return complete({"tools": tools, **kept}, era)


def called(outcome: Outcome, era: Era) -> dict[str, Any]:
    """What `tools/call` is answered."""
    told: dict[str, Any] = {
        "content": outcome.content,
        "isError": outcome.structured is None,
    }
    if outcome.structured is not None:
        told["structuredContent"] = outcome.structured
    return complete(told, era)


def complete(result: dict[str, Any], era: Era) -> dict[str, Any]:
    """A result with what an era wants of each."""
    if era is Era.HANDSHAKE:
        return result
    return {**result, "resultType": "complete", "_meta": {SERVER_KEY: _server()}}


def _kept() -> dict[str, Any]:
    return {"ttlMs": _FRESH_MS, "cacheScope": "public"}


def _server() -> dict[str, Any]:
    return {"name": "funland", "title": "Funland", "version": version("funland")}

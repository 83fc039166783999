"""The revisions of the protocol, and which of its two eras a request belongs to.

Until 2025-11-25 a client shakes hands first (`initialize`); from 2026-07-28 on each request says
itself who speaks, and what the server can do is asked for by `server/discover`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, cast

HANDSHAKES: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""The revisions with a handshake, the newest last."""
ENVELOPES: Final = ("2026-07-28",)
"""The revisions whose requests say all themselves."""
VERSIONS: Final = (*HANDSHAKES, *ENVELOPES)

VERSION_HEADER: Final = "MCP-Protocol-Version"
SESSION_HEADER: Final = "Mcp-Session-Id"
METHOD_HEADER: Final = "Mcp-Method"
NAME_HEADER: Final = "Mcp-Name"

VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
SERVER_KEY: Final = "io.modelcontextprotocol/serverInfo"


class Era(Enum):
    """How a request is read and answered."""

    HANDSHAKE = "handshake"
    ENVELOPE = "envelope"


def era_of(version: str | None, body: object) -> Era:
    """The era of a message with this version in its header; None: it has none.

    A version that is not known is checked as the newest are, which tells those that are. A message
    that says its version in itself alone is of those too, and is told what it lacks.
    """
    if version is not None:
        return Era.HANDSHAKE if version in HANDSHAKES else Era.ENVELOPE
    return Era.ENVELOPE if VERSION_KEY in meta_of(body) else Era.HANDSHAKE


def negotiated(asked: object) -> str:
    """The version that `initialize` is answered with: what is asked for, if it is known."""
    return asked if isinstance(asked, str) and asked in HANDSHAKES else HANDSHAKES[-1]


def meta_of(body: object) -> Mapping[str, Any]:
    """`params._meta` of a message; empty if there is nothing such."""
    found: object = body
    for name in ("params", "_meta"):
        if not isinstance(found, dict):
            return {}
        found = cast("dict[str, object]", found).get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

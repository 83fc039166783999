"""How the server is, in the words of older APIs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland.v1.system_pb2 import PartHealth

_WORDS: Final[Mapping[PartHealth.State.ValueType, str]] = {
    PartHealth.HEALTHY: "healthy",
    PartHealth.DEGRADED: "degraded",
    PartHealth.FAILED: "unhealthy",
}

HEALTH_WORDS: Final = (*_WORDS.values(), "unknown")


def health_word(state: PartHealth.State.ValueType) -> str:
    """The word for a state; one that is not said, or newer than this gateway, is `unknown`."""
    return _WORDS.get(state, "unknown")

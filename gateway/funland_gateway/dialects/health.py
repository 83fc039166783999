"""How the server is, in the words of older APIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from funland.v1.system_pb2 import (
    GetHealthRequest,
    GetStatusRequest,
    Health,
    PartHealth,
    SystemStatus,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.rpcs import GET_HEALTH, GET_STATUS

_WORDS: Final[Mapping[PartHealth.State.ValueType, str]] = {
    PartHealth.HEALTHY: "healthy",
    PartHealth.DEGRADED: "degraded",
    PartHealth.FAILED: "unhealthy",
}

HEALTH_WORDS: Final = (*_WORDS.values(), "unknown")

Answer = Callable[[str, HTTPStatus, SystemStatus | None], Reply]
"""Takes a word, the answer's status, and what the server is; None: the caller is not told."""


def health_word(state: PartHealth.State.ValueType) -> str:
    """The word for a state; one that is not said, or newer than this gateway, is `unknown`."""
    return _WORDS.get(state, "unknown")


def ask_health(incoming: Incoming, answer: Answer) -> Unary:
    """Asks how the server is. Who does not say who they are, where that is needed, is told whether
    it takes calls and nothing more: what watches a server has no key."""

    def bare(health: Health) -> Reply | Unary:
        if health.identity_required and not incoming.identified:
            return answer(*_said(health.state), None)
        return Unary(GET_STATUS, GetStatusRequest(), whole)

    def whole(status: SystemStatus) -> Reply:
        return answer(*_said(status.state), status)

    return Unary(GET_HEALTH, GetHealthRequest(), bare)


def _said(state: Health.State.ValueType) -> tuple[str, HTTPStatus]:
    if state == Health.SERVING:
        return "healthy", HTTPStatus.OK
    return "stopping", HTTPStatus.SERVICE_UNAVAILABLE

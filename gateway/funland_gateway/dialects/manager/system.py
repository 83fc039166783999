"""The two health checks of the `manager` dialect, which have no envelope."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from funland.v1.system_pb2 import GetStatusRequest, Health, SystemStatus
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.rpcs import GET_STATUS

SERVICE: Final = "llm-manager-api"
"""What the document calls this API."""


def get_health(_incoming: Incoming) -> Unary:
    """Asks how the server is."""
    return _ask(lambda status: {"service": SERVICE, "version": status.version})


def get_api_health(_incoming: Incoming) -> Unary:
    """Asks the same; tells this API's version."""
    return _ask(lambda _: {"api_version": "v1", "service": SERVICE})


def _ask(told: Callable[[SystemStatus], dict[str, str]]) -> Unary:
    def answer(status: SystemStatus) -> Reply:
        serving = status.state == Health.SERVING
        return json_reply(
            {"status": "healthy" if serving else "stopping", **told(status)},
            HTTPStatus.OK if serving else HTTPStatus.SERVICE_UNAVAILABLE,
        )

    return Unary(GET_STATUS, GetStatusRequest(), answer)

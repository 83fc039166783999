"""The two health checks of the `manager` dialect, which have no envelope."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from funland.v1.system_pb2 import SystemStatus
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.health import ask_health

SERVICE: Final = "llm-manager-api"
"""What the document calls this API."""


def get_health(incoming: Incoming) -> Unary:
    """Asks how the server is."""

    def answer(word: str, how: HTTPStatus, status: SystemStatus | None) -> Reply:
        version = None if status is None else status.version
        return json_reply({"status": word, "service": SERVICE, "version": version}, how)

    return ask_health(incoming, answer)


def get_api_health(incoming: Incoming) -> Unary:
    """Asks the same; tells this API's version."""

    def answer(word: str, how: HTTPStatus, _status: SystemStatus | None) -> Reply:
        return json_reply({"status": word, "api_version": "v1", "service": SERVICE}, how)

    return ask_health(incoming, answer)

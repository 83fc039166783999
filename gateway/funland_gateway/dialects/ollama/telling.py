"""What the server says of itself by Ollama's API."""

from __future__ import annotations

from typing import Final

from funland.v1.system_pb2 import GetStatusRequest, SystemStatus
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.rpcs import GET_STATUS

FOLLOWED: Final = "0.12.11"
"""The release of Ollama whose API this is: the one that brought `logprobs`. Clients leave out what
a release before some other has not, or won't talk to it at all."""

RUNNING: Final = b"Ollama is running: its API, as Funland answers it."


def get_version(_incoming: Incoming) -> Unary:
    """Tells the release of Ollama that is followed, and Funland's own."""

    def answer(status: SystemStatus) -> Reply:
        return json_reply({"version": FOLLOWED, "funland": status.version})

    return Unary(GET_STATUS, GetStatusRequest(), answer)


def get_root(_incoming: Incoming) -> Reply:
    """Tells that somebody is there, in the words that clients look for."""
    return Reply(RUNNING, "text/plain; charset=utf-8")

"""Calls that last: who makes one must be let in for as long as it does."""

from __future__ import annotations

from time import monotonic
from typing import Final

from google.protobuf.descriptor import MethodDescriptor

from funland_server.identity import Credentials, Gate

AGAIN_SECONDS: Final = 5.0
"""How long an answer to who may call is believed amid a call."""


class Lasting:
    """A call with streams, of somebody who was let in when it began."""

    def __init__(self, gate: Gate, method: MethodDescriptor, credentials: Credentials) -> None:
        self._gate = gate
        self._method = method
        self._credentials = credentials
        self._seen = monotonic()

    async def check(self) -> None:
        """Is asked before each message, and every few seconds asks the gate. Raises as
        `Gate.check` does: what they came with is revoked or has expired meanwhile."""
        now = monotonic()
        if now - self._seen < AGAIN_SECONDS:
            return
        self._seen = now
        await self._gate.check(self._method, self._credentials)

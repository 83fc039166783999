"""Writes how responses ended; what can't be written now is held until it can."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from funland.v1.responses_pb2 import Response
from funland_server.responses.store import ResponseStore


class Ends:
    """The responses that have ended and whose rows in the database do not say so yet."""

    def __init__(self, store: ResponseStore) -> None:
        self._store = store
        self._held: dict[str, Response] = {}
        self._turn = asyncio.Lock()

    def hold(self, ended: Iterable[Response]) -> None:
        """Takes ends to be written with the next `save`, in place of earlier ones."""
        self._held.update((response.response_id, response) for response in ended)

    def get(self, response_id: str) -> Response | None:
        """An end that is held."""
        return self._held.get(response_id)

    def forget(self, response_id: str) -> None:
        """Lets go of a response that was removed."""
        self._held.pop(response_id, None)

    async def save(self) -> None:
        """Writes all that is held, in one transaction for those that came while another was
        written. What can't be written is still held.

        Raises:
            StorageFullError: The disk is full.
        """
        async with self._turn:
            batch = list(self._held.values())
            if not batch:
                return  # whoever had the turn before wrote it
            await self._store.save(batch)
            for response in batch:
                if self._held.get(response.response_id) is response:
                    del self._held[response.response_id]

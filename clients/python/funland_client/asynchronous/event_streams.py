"""Streams of messages: started when they are made, ended when they are closed.

A call that fails before its first message, or while its model is loaded, is made again, as
`retries` has it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self, TypeVar

import grpc

from funland_client.flavours import AsyncEnd, AsyncRunningCall, async_next_message
from funland_client.retries import Attempts, tells_load
from funland_client.status import error_from_call

Event = TypeVar("Event")


class AsyncEventStream(AsyncIterator[Event]):
    """Iterates over a call's messages. Leaving its `with` block ends the call if it still runs."""

    def __init__(
        self, start: Callable[[], AsyncRunningCall[Event]], address: str, attempts: Attempts
    ) -> None:
        self._start = start
        self._address = address
        self._attempts = attempts
        self._begun = False
        self._over = AsyncEnd()
        self._call = start()

    async def __anext__(self) -> Event:
        """Waits for the next message. Raises what `errors` names when the call fails."""
        while not self._over.is_set():
            try:
                message = await async_next_message(self._call)
            except grpc.RpcError as error:
                await self._retry(error)
                continue
            if message is not None:
                self._begun = self._begun or not tells_load(message)
                return message
            self._over.set()
        raise StopAsyncIteration

    async def _retry(self, error: grpc.RpcError) -> None:
        """Makes the call again after a while; raises what `error` means if it is not to be."""
        failure = error_from_call(error, self._address)
        seconds = None if self._begun else self._attempts.pause(failure)
        if seconds is None:
            self._over.set()
            raise failure from error
        if not await self._over.comes_within(seconds):
            self._call = self._start()

    async def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._over.set()
        self._call.cancel()

    async def __aenter__(self) -> Self:
        """Gives itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes itself."""
        await self.close()

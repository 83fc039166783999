"""Streams of messages: started when they are made, ended when they are closed.

A call that fails before its first message, or while its model is loaded, is made again, as
`retries` has it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from funland_client.errors import FunlandError
from funland_client.flavours import (
    AsyncEnd,
    AsyncRunningCall,
    async_next_message,
    async_renewed,
)
from funland_client.replayed import AsyncReplayed
from funland_client.retries import Attempts, tells_load
from funland_client.status import error_from_call

Event = TypeVar("Event")


class AsyncEventStream(AsyncIterator[Event]):
    """Iterates over a call's messages. Leaving its `with` block ends the call if it still runs.

    `sent` are the messages that the call sends, if it sends several.
    """

    def __init__(
        self,
        start: Callable[[], AsyncRunningCall[Event]],
        address: str,
        attempts: Attempts,
        sent: AsyncReplayed[Any] | None = None,
    ) -> None:
        self._start = start
        self._sent = sent
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
            self._end()
        raise StopAsyncIteration

    async def _retry(self, error: grpc.RpcError) -> None:
        """Makes the call again after a while; raises what `error` means if it is not to be."""
        failure = error_from_call(error, self._address)
        try:
            seconds = await self._pause(failure)
        except FunlandError:
            self._end()
            raise
        if seconds is None:
            self._end()
            raise failure from error
        if not await self._over.comes_within(seconds):
            self._call = self._start()

    async def _pause(self, failure: FunlandError) -> float | None:
        """The seconds until the call is made again; None if it is not to be."""
        if self._begun:
            return None
        if await async_renewed(self._attempts, failure):
            return 0.0 if self._sent is None or self._sent.whole else None
        return self._attempts.pause(failure)

    def _end(self) -> None:
        self._over.set()
        if self._sent is not None:
            self._sent.close()

    async def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._end()
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

"""One call of a tool, and the ways in which it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from funland_gateway.mcp.answers import called
from funland_gateway.mcp.eras import Era
from funland_gateway.mcp.flights import Flights, Key
from funland_gateway.mcp.messages import (
    REQUEST_CANCELLED,
    Id,
    error_message,
    result_message,
)
from funland_gateway.mcp.running import Outcome, Tell
from funland_gateway.mcp.ticking import Ticker
from funland_gateway.mcp.tool import Progress
from funland_gateway.streams import sse_event


@dataclass(frozen=True, slots=True)
class Calling:
    """A call that is to be made. However its reader ends, it does not outlive them."""

    run: Callable[[Tell], Awaitable[Outcome]]
    request_id: Id
    era: Era
    flights: Flights
    key: Key | None
    """By what its session takes it back."""

    async def whole(self) -> dict[str, Any]:
        """Makes it, and gives the answer."""
        work = asyncio.ensure_future(self.run(_untold))
        with self.flights.flying(self.key, work):
            return await self._answer(work)

    async def events(self, ticker: Ticker) -> AsyncGenerator[bytes]:
        """Makes it; how far it is, as it comes, and the answer. Closing it cancels the call."""
        news = asyncio.Event()
        latest: list[dict[str, Any]] = []

        def tell(progress: Progress) -> None:
            if (told := ticker.tick(progress)) is not None:
                latest[:] = [told]  # who reads slowly gets the newest alone
                news.set()

        work = asyncio.ensure_future(self.run(tell))
        work.add_done_callback(lambda _: news.set())
        with self.flights.flying(self.key, work):
            try:
                while not work.done():
                    await news.wait()
                    news.clear()
                    while latest:
                        yield event(latest.pop())
                yield event(await self._answer(work))
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    async def _answer(self, work: asyncio.Future[Outcome]) -> dict[str, Any]:
        try:
            outcome = await work
        except asyncio.CancelledError:
            if not self.flights.was_cancelled(work):
                raise
            return error_message(self.request_id, REQUEST_CANCELLED, "The call was cancelled.")
        return result_message(self.request_id, called(outcome, self.era))


def event(message: Mapping[str, Any]) -> bytes:
    """A message as a server-sent event."""
    return sse_event(orjson.dumps(message), "message")


def _untold(_: Progress) -> None:
    """Nobody has asked how far it is."""

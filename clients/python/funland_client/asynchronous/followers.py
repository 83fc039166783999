"""Follows what goes on at the server to its end, whatever becomes of the connection meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

import grpc
import grpc.aio

from funland_client.asynchronous.connection import AsyncConnection
from funland_client.ends import Followed
from funland_client.errors import FunlandError

Request = TypeVar("Request")
Event = TypeVar("Event")
State = TypeVar("State")


async def async_followed(
    connection: AsyncConnection,
    method: grpc.aio.UnaryStreamMultiCallable[Request, Event],
    request: Request,
    kind: Followed[Event, State],
) -> AsyncGenerator[State]:
    """Gives each state that a watch tells, the one that has ended as the last.

    A connection that is lost is made again, as often after each event as `retries` says; there is
    no timeout.
    """
    attempts = connection.attempts()
    last: State | None = None
    while not kind.has_ended(last):
        events = connection.stream(method, request, endless=True, once=True)
        try:
            async with events:
                async for event in events:
                    attempts = connection.attempts()
                    if (now := kind.seen(event)) is not None:
                        last = now
                        yield now
                    if kind.has_ended(last):
                        break
            kind.check_end(last)
        except FunlandError as error:
            if (seconds := attempts.pause(error)) is None:
                raise
            await asyncio.sleep(seconds)

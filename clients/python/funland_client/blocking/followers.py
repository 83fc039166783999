# Generated from ../asynchronous/followers.py by `make client`: edit that one.
"""Follows what goes on at the server to its end, whatever becomes of the connection meanwhile."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TypeVar

import grpc

from funland_client.blocking.connection import Connection
from funland_client.ends import Followed
from funland_client.errors import FunlandError

Request = TypeVar("Request")
Event = TypeVar("Event")
State = TypeVar("State")


def followed(
    connection: Connection,
    method: grpc.UnaryStreamMultiCallable[Request, Event],
    request: Request,
    kind: Followed[Event, State],
) -> Generator[State]:
    """Gives each state that a watch tells, the one that has ended as the last.

    A connection that is lost is made again, as often after each event as `retries` says; there is
    no timeout.
    """
    attempts = connection.attempts()
    last: State | None = None
    while not kind.has_ended(last):
        events = connection.stream(method, request, endless=True, once=True)
        try:
            with events:
                for event in events:
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
            time.sleep(seconds)

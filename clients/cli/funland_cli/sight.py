"""Keeps sight of work at a server that may go and come back while somebody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from funland_cli.options import Session
from funland_cli.told_failures import failure_of
from funland_client import Funland, FunlandError
from funland_client.retries import Attempts

State = TypeVar("State")

RETRIES: Final = 10
"""A server that starts again is waited for, most of a minute: what is kept goes on with it."""


@dataclass(frozen=True, slots=True)
class OutOfSight:
    """Nobody tells how it is now; the server is looked for again."""

    why: str

    @property
    def line(self) -> str:
        """It in words."""
        return f"waiting for the server: {self.why}"


def kept_in_sight(
    session: Session,
    watch: Callable[[Funland], Iterable[State]],
    has_ended: Callable[[State | None], bool],
) -> Generator[State | OutOfSight]:
    """Gives what is watched and, each time that its server is not to be reached, why.

    An error after what has ended is how it has ended.
    """
    attempts = Attempts(RETRIES, None)
    last: State | None = None
    while True:
        try:
            with session.client() as client:  # an old channel would wait longer than we do
                for state in watch(client):
                    last, attempts = state, Attempts(RETRIES, None)
                    yield state
        except FunlandError as error:
            if has_ended(last) or (seconds := attempts.pause(error)) is None:
                raise
            yield OutOfSight(failure_of(error).message)
            time.sleep(seconds)
        else:
            return

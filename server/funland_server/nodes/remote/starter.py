"""What starts the process of a worker on another machine."""

from __future__ import annotations

from typing import Protocol

from funland.worker.v1.remote_pb2 import Listen, Listening


class Started(Protocol):
    """A process that listens on another machine."""

    @property
    def host(self) -> str:
        """The address that it listens at."""
        ...

    @property
    def listening(self) -> Listening:
        """What it said."""
        ...

    def kill(self) -> None:
        """Has it ended at once, as soon as its machine hears of it. Twice is no error."""
        ...

    async def how_it_ended(self) -> str | None:
        """How it ended, and its last words, such as `signal SIGKILL`; None: its machine does not
        say, for some seconds."""
        ...


class Starter(Protocol):
    """Starts processes on one other machine or several."""

    async def start(self, node_id: str, listen: Listen) -> Started:
        """Starts one; its `host` is filled in on its machine.

        Raises:
            FunlandError: The machine does not answer, or can't run it.
        """
        ...

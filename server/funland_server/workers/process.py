"""A process that holds a loaded model, on whatever machine, as the server has it in hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import grpc.aio

from funland.worker.v1.worker_pb2 import Command, LoadProgress, Ready, Step
from funland_server.workers.spec import WorkerSpec

LARGEST_MESSAGE: Final = 128 * 1024**2

Told: TypeAlias = Callable[[LoadProgress], None]
"""Gets what a process tells while it loads its model."""


def untold(_: LoadProgress) -> None:
    """For loads that nobody waits for."""


class Link(Protocol):
    """What carries a worker's sequences; `worker.proto` tells what goes over it."""

    def send(self, command: Command) -> None:
        """Sends a command as soon as the worker takes it; none when it has let go."""
        ...

    async def read(self, take: Callable[[Step], None]) -> None:
        """Has `take` called with what the worker tells, until it ends; raises what `take` does."""
        ...

    def close(self) -> None:
        """Lets go of the worker. Closing twice is no error."""
        ...


class WorkerProcess(Protocol):
    """A process that holds a loaded model."""

    @property
    def spec(self) -> WorkerSpec:
        """What it was started to hold, and how."""
        ...

    @property
    def ready(self) -> Ready:
        """What it said when the model was loaded."""
        ...

    @property
    def link(self) -> Link:
        """What carries its sequences."""
        ...

    @property
    def token(self) -> str:
        """What its calls must bring as `authorization`."""
        ...

    @property
    def pid(self) -> int:
        """Its process id, on its machine."""
        ...

    @property
    def memory_bytes(self) -> int | None:
        """Its resident memory; None if that is not known."""
        ...

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most that it had of the memory so far; None if that is not known."""
        ...

    def open_channel(self) -> grpc.aio.Channel:
        """The way to its calls; whoever asks closes it."""
        ...

    async def ended(self) -> int:
        """Waits for its end and gives its exit code, negative for a signal's number."""
        ...

    def kill(self) -> None:
        """Ends it at once; `ended` tells when it has."""
        ...

    async def end(self) -> None:
        """Ends it: kindly, then at once. Ending it twice is no error."""
        ...


class Launcher(Protocol):
    """Starts workers."""

    async def choose(self, spec: WorkerSpec) -> WorkerSpec:
        """The spec with the node that the worker is to run on; on another than the server's own it
        is placed already, and takes nothing of the server's memory.

        Raises:
            FunlandError: The node that was asked for is not to be had.
        """
        ...

    async def check(self, node_id: str) -> None:
        """Sees whether there is a node of that id, as far as that is known now. Empty: any.

        Raises:
            FunlandError: There is none.
        """
        ...

    async def launch(
        self, spec: WorkerSpec, timeout_seconds: float, told: Told = untold
    ) -> WorkerProcess:
        """Starts a worker and gives it when its model is loaded; `told` gets what it tells
        meanwhile.

        Raises:
            ModelLoadFailedError: It ended without a word; then its `crashed` is true.
            FunlandError: It said why it can't, or took longer than the timeout.
        """
        ...

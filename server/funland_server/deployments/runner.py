"""What keeps one process of a deployment running, whatever the engine."""

from __future__ import annotations

from typing import Protocol

from funland.v1.deployments_pb2 import Replica
from funland_server.workers.callee import Callee


class Runner(Protocol):
    """One process of a deployment, from its start until it is stopped.

    One that is lost is started again by the runner itself, with a growing pause. It reports what
    changes, and what the process writes, to what it was made with.
    """

    async def start(self) -> None:
        """Starts it, and returns when it first answers.

        Raises:
            FunlandError: It can't run.
        """
        ...

    def state(self) -> Replica.State.ValueType:
        """Where it stands. Costs nothing: every call asks."""
        ...

    def present(self) -> Replica:
        """How it stands, but for its index and its calls. Costs a look at its memory."""
        ...

    def callee(self) -> Callee:
        """What answers calls.

        Raises:
            DeploymentNotRunningError: It does not answer now.
        """
        ...

    def engine(self) -> str:
        """What runs it, and its version, such as `vllm 0.32.0`. Empty if it does not run."""
        ...

    async def check(self) -> None:
        """Asks whether it answers.

        Raises:
            FunlandError: It does not.
        """
        ...

    async def close(self) -> None:
        """Lets go of it because the server stops: calls that it still has fail with
        ServerStoppingError, now or when what holds it ends."""
        ...

    async def stop(self, *, force: bool) -> None:
        """Ends it when its calls have ended, or at once if `force`. Twice is no error."""
        ...

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

    def present(self) -> Replica:
        """How it stands, but for its index and its calls. Costs next to nothing."""
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

    async def stop(self, *, force: bool) -> None:
        """Ends it when its calls have ended, or at once if `force`. Twice is no error."""
        ...

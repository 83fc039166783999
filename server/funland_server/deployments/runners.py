"""Which engine keeps a deployment's processes running."""

from __future__ import annotations

from collections.abc import Callable

from funland.v1.deployments_pb2 import Deployment
from funland_server.deployments.built_in import BuiltInRunner
from funland_server.deployments.deployed import Deployed
from funland_server.deployments.runner import Runner
from funland_server.models.domain import Models
from funland_server.workers.errors import EngineUnavailableError


def make_runner(
    models: Models, deployed: Deployed, index: int, changed: Callable[[], None]
) -> Runner:
    """What keeps one process of a deployment running; `changed` is called when its `present` has
    changed.

    Raises:
        EngineUnavailableError: The engine is not there.
    """

    def write(level: str, text: str) -> None:
        deployed.log.write(text, level, index)

    kept = deployed.kept
    if kept.engine == Deployment.VLLM:
        raise EngineUnavailableError("vLLM is not installed.", model=kept.model)
    return BuiltInRunner(
        models,
        kept.model,
        deployed.deployment_id,
        index,
        kept.settings,
        changed=changed,
        write=write,
    )

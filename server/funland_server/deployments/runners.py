"""Which engine keeps a deployment's processes running."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from funland.v1.deployments_pb2 import Deployment, StartDeploymentRequest
from funland_server.config import ServerSettings
from funland_server.deployments.asking import engine_of
from funland_server.deployments.built_in import BuiltInRunner, instance_key
from funland_server.deployments.deployed import Deployed
from funland_server.deployments.errors import DeploymentNotRunningError
from funland_server.deployments.runner import Runner
from funland_server.devices.domain import Devices
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.models.installed.model import InstalledModel
from funland_server.nodes.placement import Placement

if TYPE_CHECKING:
    from funland_server.vllm.engine import Vllm


class Runners:
    """Those of one server."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        devices: Devices,
        models: Models,
        placement: Placement,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._devices = devices
        self._models = models
        self._placement = placement

    async def check(self, request: StartDeploymentRequest, model: InstalledModel | None) -> None:
        """Raises what is known to be wrong before anything is started; `model` is None before it is
        installed."""
        if engine_of(request, model) == Deployment.VLLM:
            await self._vllm.check(model)
            return
        await self._models.loader.check(request.settings)
        await self._placement.check(request.settings)
        if model is not None:
            await self._models.loader.estimate(model, request.settings)

    def make(self, deployed: Deployed, index: int, changed: Callable[[], None]) -> Runner:
        """What keeps one process of a deployment running, by the deployment's engine; `changed` is
        called when its `present` has changed."""
        kept = deployed.kept

        def write(level: str, text: str) -> None:
            deployed.log.write(text, level, index)

        if kept.engine != Deployment.VLLM:
            return BuiltInRunner(
                self._models,
                kept.model,
                deployed.deployment_id,
                index,
                kept.settings,
                changed=changed,
                write=write,
            )

        def model() -> InstalledModel:
            installed = self._models.catalog.get(kept.model)
            self._models.catalog.verify(installed)
            return installed

        return self._vllm.runner(
            model,
            kept.model,
            instance_key(deployed.deployment_id, index),
            kept.vllm,
            changed=changed,
            write=write,
            not_running=lambda state: DeploymentNotRunningError(deployed.names[-1], state),
        )

    @cached_property
    def _vllm(self) -> Vllm:
        # Most servers never run it.
        from funland_server.vllm.engine import Vllm  # noqa: PLC0415 - as above

        return Vllm(self._settings, self._devices, self._metrics)

"""Tells what is deployed."""

from __future__ import annotations

from dataclasses import dataclass

from funland.v1.deployments_pb2 import Deployment, DeploymentModel
from funland_server.deployments.built_in import instance_key
from funland_server.deployments.deployed import Deployed
from funland_server.models.domain import Models
from funland_server.models.installed.model import hub_names
from funland_server.models.wire import loaded, to_wire


@dataclass(frozen=True, slots=True)
class Describing:
    """Of models that are installed."""

    models: Models

    def model(self, deployed: Deployed) -> DeploymentModel:
        """What a deployment is made of. Raises ModelNotFoundError if it is not there yet."""
        catalog = self.models.catalog
        installed = catalog.get(deployed.kept.model)
        default = installed.model_id == catalog.default_id
        shown = to_wire(installed, self.models.pool, default=default)
        shown.ClearField("loaded")
        origin = installed.origin
        source = "" if installed.built_in else installed.source
        names = (
            *deployed.names, installed.model_id, *installed.aliases, source,
            *(hub_names(origin) if origin else ()), deployed.kept.source,
        )  # fmt: skip
        told = DeploymentModel(
            deployment_id=deployed.deployment_id,
            names=dict.fromkeys(name for name in names if name),
        )
        key = instance_key(deployed.deployment_id, 0)
        place = self.models.pool.place(key)
        if deployed.kept.engine == Deployment.BUILT_IN and (worker := place.worker) is not None:
            shown.loaded.CopyFrom(loaded(worker, place))
        if running := deployed.running():
            runner = running[0].runner
            told.engine = runner.engine()
            if length := runner.callee().ready.context_length:
                told.context_length = length
        told.model.CopyFrom(shown)
        return told

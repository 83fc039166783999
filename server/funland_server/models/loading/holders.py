"""What is made of models, and so needs them: deployments."""

from __future__ import annotations

from funland_server.models.errors import ModelDeployedError


class Holders:
    """Deployments by the model that each is made of, running or not. A model that has one is not
    deleted."""

    def __init__(self) -> None:
        self._holders: dict[str, dict[str, None]] = {}

    def hold(self, model_id: str, deployment_id: str) -> None:
        """A deployment is made of a model."""
        self._holders.setdefault(model_id, {})[deployment_id] = None

    def let_go(self, model_id: str, deployment_id: str) -> None:
        """It is deleted, or made of another model."""
        self._holders.get(model_id, {}).pop(deployment_id, None)

    def check(self, model_id: str) -> None:
        """Whether a model may be deleted.

        Raises:
            ModelDeployedError: It has a deployment.
        """
        for deployment_id in self._holders.get(model_id, ()):
            raise ModelDeployedError(model_id, deployment_id)

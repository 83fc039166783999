"""Generations, embeddings and all else that a loaded model computes."""

from __future__ import annotations

from funland.v1 import inference_pb2
from funland_server.domain import Domain, Service
from funland_server.inference.generation import Generations
from funland_server.inference.pace import Pace
from funland_server.inference.service import InferenceService
from funland_server.metrics import Metrics
from funland_server.models.domain import Models


class Inference(Domain):
    """What other domains use of it is there once it is started."""

    service: InferenceService

    def __init__(self, models: Models, metrics: Metrics) -> None:
        self._models = models
        self._metrics = metrics
        self.pace = Pace()
        """What generations took."""

    async def start(self) -> None:
        """Has nothing to read."""
        loader = self._models.loader
        self.service = InferenceService(Generations(loader, self._metrics, self.pace), loader)

    def services(self) -> list[Service]:
        """Answers `InferenceService`."""
        return [(inference_pb2.DESCRIPTOR.services_by_name["InferenceService"], self.service)]

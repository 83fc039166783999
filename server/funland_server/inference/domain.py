"""Generations, embeddings and all else that a loaded model computes."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import ChatRequest, GenerationEvent
from funland_server.domain import Domain, Service
from funland_server.inference.generation import Generations, from_chat
from funland_server.inference.jobs import Jobs
from funland_server.inference.pace import Pace
from funland_server.inference.service import InferenceService
from funland_server.metrics import Metrics
from funland_server.models.domain import Models


class Inference(Domain):
    """What other domains use of it is there once it is started."""

    service: InferenceService
    jobs: Jobs
    """What nobody waits for."""
    _generations: Generations

    def __init__(self, models: Models, metrics: Metrics) -> None:
        self._models = models
        self._metrics = metrics
        self.pace = Pace()
        """What generations took."""

    async def start(self) -> None:
        """Has nothing to read."""
        loader = self._models.loader
        self._generations = Generations(loader, self._metrics, self.pace)
        self.service = InferenceService(self._generations, loader)
        self.jobs = Jobs(loader)

    def stream_kept_chat(self, request: ChatRequest) -> AsyncGenerator[GenerationEvent]:
        """As `StreamChat`, for a conversation that the server keeps: what is computed of it may be
        kept on the disk too."""
        return self._generations.stream(request.model, from_chat(request, lasting=True))

    def services(self) -> list[Service]:
        """Answers `InferenceService`."""
        return [(inference_pb2.DESCRIPTOR.services_by_name["InferenceService"], self.service)]

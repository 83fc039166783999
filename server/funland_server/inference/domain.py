"""Generations, embeddings and all else that a loaded model computes."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import (
    ChatRequest,
    ChatResponse,
    GenerateRequest,
    GenerateResponse,
    GenerationEvent,
)
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.files.domain import Files
from funland_server.inference.answers import chat_response, generate_response
from funland_server.inference.generation import Generations, Made, from_prompt
from funland_server.inference.jobs import Jobs
from funland_server.inference.pace import Pace
from funland_server.inference.rounds.chats import Chats
from funland_server.inference.service import InferenceService
from funland_server.inference.showing import Showing
from funland_server.live import Live
from funland_server.mcp.domain import Mcp
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.web.fetching import Web


class Inference(Domain):
    """What other domains use of it is there once it is started."""

    service: InferenceService
    jobs: Jobs
    """What nobody waits for."""
    _generations: Generations
    _chats: Chats

    def __init__(
        self,
        settings: Live[ServerSettings],
        models: Models,
        metrics: Metrics,
        mcp: Mcp,
        *,
        files: Files,
        web: Web,
    ) -> None:
        self._models = models
        self._mcp = mcp
        self._metrics = metrics
        self._showing = Showing(settings, files, web)
        self.pace = Pace()
        """What generations took."""

    async def start(self) -> None:
        """Has nothing to read."""
        loader = self._models.loader
        self._generations = Generations(loader, self._metrics, self.pace, self._showing)
        self._chats = Chats(self._generations, self._mcp)
        self.service = InferenceService(self._generations, self._chats, loader, self._showing)
        self.jobs = Jobs(loader)

    def stream_kept_chat(self, request: ChatRequest) -> AsyncGenerator[GenerationEvent]:
        """As `StreamChat`, for a conversation that the server keeps: what is computed of it may be
        kept on the disk too."""
        return self._chats.stream(request, lasting=True)

    async def chat(self, request: ChatRequest, made: Made | None) -> ChatResponse:
        """As `Chat`; `made` is told of tokens as they are made."""
        return chat_response(await self._chats.complete(request, made))

    async def generate(self, request: GenerateRequest, made: Made | None) -> GenerateResponse:
        """As `Generate`; `made` is told of tokens as they are made."""
        return generate_response(
            await self._generations.complete(request.model, from_prompt(request), made)
        )

    def services(self) -> list[Service]:
        """Answers `InferenceService`."""
        return [(inference_pb2.DESCRIPTOR.services_by_name["InferenceService"], self.service)]

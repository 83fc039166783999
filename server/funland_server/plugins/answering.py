"""What answers the questions of plugins to models, each as its caller would be answered."""

from __future__ import annotations

from funland.v1.images_pb2 import GenerateImagesRequest, GenerateImagesResponse
from funland.v1.inference_pb2 import ChatRequest, ChatResponse, GenerationOptions
from funland.v1.speech_pb2 import (
    SynthesizeRequest,
    SynthesizeResponse,
    TranscribeRequest,
    Transcript,
)
from funland_server.belonging.rows import Owned
from funland_server.errors import FieldInvalidError, Violation
from funland_server.images.domain import Images
from funland_server.inference.domain import Inference
from funland_server.speech.domain import Speech


class Answering:
    """Asks models. In the `background`, they serve those first that somebody waits for."""

    def __init__(self, inference: Inference, speech: Speech, images: Images, owned: Owned) -> None:
        """They are used once they are started."""
        self._inference = inference
        self._speech = speech
        self._images = images
        self._owned = owned

    async def chat(self, request: ChatRequest, *, background: bool) -> ChatResponse:
        """As `Chat`, and raises as that does; so do the others."""
        if request.mcp_servers:
            raise FieldInvalidError(
                [Violation("mcp_servers", "must be empty: a plugin has no tools of others")]
            )
        await self._owned(request)
        priority = GenerationOptions.LOW if background else GenerationOptions.NORMAL
        request.options.priority = priority
        return await self._inference.service.Chat(request)

    async def speak(self, request: SynthesizeRequest, *, background: bool) -> SynthesizeResponse:
        """As `Synthesize`."""
        return await self._speech.answering.complete(request, background=background)

    async def hear(self, request: TranscribeRequest, *, background: bool) -> Transcript:
        """As `Transcribe`."""
        await self._owned(request)
        return await self._speech.hearing.complete(request, background=background)

    async def paint(
        self, request: GenerateImagesRequest, *, background: bool
    ) -> GenerateImagesResponse:
        """As `GenerateImages`."""
        await self._owned(request)
        return await self._images.painting.paint(request, background=background)

"""Has pictures painted by models."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic

from funland.v1.images_pb2 import (
    GenerateImagesRequest,
    GenerateImagesResponse,
    ImageDone,
    ImageEvent,
    ImageFinish,
)
from funland.v1.models_pb2 import Model
from funland.worker.v1.worker_pb2 import Job
from funland_server.config import ServerSettings
from funland_server.files.domain import Files
from funland_server.images.choosing import chosen
from funland_server.images.errors import PromptRefusedError
from funland_server.images.refusing import blocked_term
from funland_server.images.requests import job_of
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.models.errors import ModelKindWrongError
from funland_server.workers.callee import Callee
from funland_server.workers.failures import WorkerDefectError

_ANSWER_BYTES = 60 * 1024**2
"""What all pictures of one answer may have: a message has at most 64 MiB."""


class Painting:
    """Pictures of all models. `Images.painting` has it for other domains."""

    def __init__(
        self, settings: Live[ServerSettings], metrics: Metrics, models: Models, files: Files
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._models = models
        self._files = files

    async def paint(
        self, request: GenerateImagesRequest, *, background: bool = False
    ) -> GenerateImagesResponse:
        """As `ImageService.GenerateImages`; a cancellation ends it within a step. In the
        `background`, pictures that somebody waits for come first.

        Raises:
            FunlandError: As there.
        """
        answer = GenerateImagesResponse()
        alone = GenerateImagesRequest()
        alone.CopyFrom(request)
        alone.ClearField("preview_steps")
        alone.ClearField("previews")
        told = self._events(alone, most_bytes=_ANSWER_BYTES, background=background)
        async with aclosing(told) as events:
            async for event in events:
                _add(answer, event)
        return answer

    def check(self, request: GenerateImagesRequest) -> str:
        """Looks at a request for pictures that are painted later; gives the id of the model that
        would paint them.

        Raises:
            PromptRefusedError, ModelNotFoundError, ModelKindWrongError
        """
        if term := blocked_term(request.prompt, self._settings.now.image_blocked_terms):
            raise PromptRefusedError(term)
        model = self._models.catalog.get(self._models.loader.model_id(self._name(request.model)))
        if model.kind != Model.IMAGE:
            kinds = Model.Kind.Name(model.kind), Model.Kind.Name(Model.IMAGE)
            raise ModelKindWrongError(model.model_id, *kinds)
        return model.model_id

    def stream(
        self, request: GenerateImagesRequest, *, background: bool = False
    ) -> AsyncGenerator[ImageEvent]:
        """As `ImageService.StreamGenerateImages`; in the `background`, pictures that somebody waits
        for come first. Raises as `paint`."""
        return self._events(request, background=background)

    async def _events(
        self, request: GenerateImagesRequest, *, most_bytes: int = 0, background: bool = False
    ) -> AsyncGenerator[ImageEvent]:
        came, settings = monotonic(), self._settings.now
        if term := blocked_term(request.prompt, settings.image_blocked_terms):
            raise PromptRefusedError(term)
        job = await job_of(
            request,
            self._files,
            most_pixels=settings.image_pixels,
            most_bytes=most_bytes,
            background=background,
        )
        worker = await self._worker(request.model)
        async with aclosing(_told(worker, job)) as events:
            async for event in events:
                if event.HasField("image"):
                    self._metrics.images.labels(worker.model_id).inc()
                if event.HasField("finish"):
                    model, step_ms = worker.model_id, event.finish.timings.step_ms
                    self._metrics.image_seconds.labels(model).observe(monotonic() - came)
                    self._metrics.image_step_seconds.labels(model).observe(step_ms / 1000)
                yield event

    async def _worker(self, name: str) -> Callee:
        return await self._models.loader.worker(self._name(name), Model.IMAGE)

    def _name(self, name: str) -> str:
        """What the model is called that paints; raises ModelNotFoundError."""
        return chosen(name, self._settings.now.image_model, self._models.catalog.all())


async def _told(worker: Callee, job: Job) -> AsyncGenerator[ImageEvent]:
    """The events of a worker's job, in the contract's words."""
    painted, data = ImageDone(), bytearray()
    async with aclosing(worker.run_job(job)) as events:
        async for event in events:
            match event.WhichOneof("event"):
                case "paints":
                    start = event.paints
                    start.model = worker.model_id
                    start.device_ids.extend(worker.device_ids)
                    yield ImageEvent(start=start)
                case "painting":
                    yield ImageEvent(progress=event.painting)
                case "painted":
                    painted = event.painted
                case "artefact":
                    data += event.artefact.data
                    if event.artefact.last:
                        painted.image.data = bytes(data)
                        data.clear()
                        yield ImageEvent(image=painted)
                case "result":
                    answer = event.result.paint
                    finish = ImageFinish(
                        timings=answer.timings, guidance_scale=answer.guidance_scale
                    )
                    yield ImageEvent(finish=finish)
                    return
                case _:
                    pass
    raise WorkerDefectError("pictures ended without a result")


def _add(answer: GenerateImagesResponse, event: ImageEvent) -> None:
    """Puts what an event tells into the answer that has all of them."""
    match event.WhichOneof("event"):
        case "start":
            answer.model, answer.steps = event.start.model, event.start.steps
            answer.device_ids.extend(event.start.device_ids)
        case "image":
            answer.images.append(event.image.image)
        case "finish":
            answer.timings.CopyFrom(event.finish.timings)
            answer.guidance_scale = event.finish.guidance_scale
        case _:
            pass

"""What models do that takes long and that nobody waits for: jobs of workers, for tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import TypeAlias

from funland.v1.inference_pb2 import EmbedRequest, EmbedResponse
from funland.worker.v1.worker_pb2 import Job, JobResult
from funland_server.inference.embedding import embedded, texts_to_embed
from funland_server.models.loading.loader import ModelLoader
from funland_server.workers.callee import Callee
from funland_server.workers.failures import WorkerDefectError

Progress: TypeAlias = Callable[[float | None, str], None]
"""Told how far a job is, in percent, None where that is not known; and what is being done."""


class Jobs:
    """The jobs of all models. `Inference.jobs` has them for other domains."""

    def __init__(self, loader: ModelLoader) -> None:
        self._loader = loader

    async def embed(self, request: EmbedRequest, progress: Progress) -> EmbedResponse:
        """As `InferenceService.Embed`, beside live calls, which hardly notice it; a cancellation
        ends it within a step.

        Raises:
            FunlandError: What `Embed` is answered with. WORKER_LOST may pass: nothing is half done.
        """
        worker = await self._loader.worker(request.model)
        result = await self._result(worker, Job(embed=texts_to_embed(request)), progress)
        return embedded(worker, result.embed)

    async def _result(self, worker: Callee, job: Job, progress: Progress) -> JobResult:
        async with aclosing(worker.run_job(job)) as events:
            async for event in events:
                if event.HasField("progress"):
                    known = event.progress.HasField("fraction")
                    percent = 100 * event.progress.fraction if known else None
                    progress(percent, event.progress.text)
                if event.HasField("result"):
                    return event.result
        raise WorkerDefectError("a job ended without a result")

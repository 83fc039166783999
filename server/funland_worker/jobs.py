"""Does the jobs of `worker.proto`: what takes long, in pieces between the steps of an engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Embedding as Vector
from funland.worker.v1.worker_pb2 import (
    EmbeddedTexts,
    EmbedTexts,
    Job,
    JobEvent,
    JobProgress,
    JobResult,
)
from funland_worker.embedding import Embedding
from funland_worker.engines.protocol import EngineError
from funland_worker.vectors import shortened
from funland_worker.wire import failure_to_wire


class Jobs:
    """What one model can do."""

    def __init__(self, embedding: Embedding) -> None:
        self._embedding = embedding

    async def run(self, job: Job) -> AsyncGenerator[JobEvent]:
        """The events of a job, the last of which is its result or its failure; closing the
        generator ends the job after the piece that is computed now."""
        try:
            match job.WhichOneof("work"):
                case "embed":
                    async for event in self._embed(job.embed):
                        yield event
                case _:
                    raise EngineError(
                        ErrorReason.ENGINE_UNSUPPORTED,
                        "This worker does not know such a job.",
                        feature="jobs",
                    )
        except EngineError as error:
            yield JobEvent(failure=failure_to_wire(error))

    async def _embed(self, request: EmbedTexts) -> AsyncGenerator[JobEvent]:
        texts = await self._embedding.read(request)
        yield _progress(0, len(texts))
        vectors: list[list[float]] = []
        async for part in self._embedding.beside(texts, request.pooling):
            vectors += part
            yield _progress(len(vectors), len(texts))
        vectors = shortened(vectors, request.dimensions, raw=request.raw)
        embedded = EmbeddedTexts(
            embeddings=[Vector(values=vector) for vector in vectors],
            prompt_tokens=sum(map(len, texts)),
        )
        yield JobEvent(result=JobResult(embed=embedded))


def _progress(done: int, total: int) -> JobEvent:
    fraction = done / total if total else None
    return JobEvent(progress=JobProgress(fraction=fraction, text=f"{done} of {total} texts"))

"""A model as calls use it that are traced: what each asks of it is a span."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, aclosing
from time import time_ns
from typing import Final

from funland.v1.inference_pb2 import Finish
from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2 import SequenceEvent
from funland_server.tracing.phases import (
    FIRST,
    INPUT_TOKENS,
    Phase,
    answered,
    asked,
    of_model,
    operation,
    phases,
    unfinished,
)
from funland_server.tracing.spans import Span, ending
from funland_server.workers.callee import Callee

_JOBS: Final = {
    "embed": "embeddings",
    "speak": "speech",
    "hear": "transcription",
    "paint": "image_generation",
}
"""What the work of a `Job` is called."""


class TracedCallee:
    """Has another's calls, each as a part of a span."""

    def __init__(self, callee: Callee, span: Span) -> None:
        self._callee = callee
        self._span = span

    @property
    def model_id(self) -> str:
        """See `Callee`."""
        return self._callee.model_id

    @property
    def ready(self) -> worker_pb2.Ready:
        """See `Callee`."""
        return self._callee.ready

    @property
    def device_ids(self) -> tuple[str, ...]:
        """See `Callee`."""
        return self._callee.device_ids

    async def generate(self, submit: worker_pb2.Submit) -> AsyncGenerator[SequenceEvent]:
        """See `Callee`."""
        name = operation(submit)
        begin, first = time_ns(), None
        finishes: dict[int, Finish] = {}
        told = asked(name, self.model_id, submit)
        span = self._span.child(f"{name} {self.model_id}", attributes=told, begin=begin)
        with ending(span):
            try:
                async with aclosing(self._callee.generate(submit)) as events:
                    async for event in events:
                        if first is None and event.tokens:
                            first = time_ns()
                            span.set({FIRST: (first - begin) / 1e9})
                        if event.HasField("finish"):
                            finishes[event.choice] = event.finish
                            now = time_ns()
                            _add(span, phases(begin, now, event.choice, event.finish.timings))
                        yield event
            finally:
                span.set(answered(finishes))
                if not finishes:
                    _add(span, unfinished(begin, first, time_ns()))

    async def embed(self, request: worker_pb2.EmbedTexts) -> worker_pb2.EmbeddedTexts:
        """See `Callee`."""
        with self._part("embeddings") as span:
            answer = await self._callee.embed(request)
            span.set({INPUT_TOKENS: answer.prompt_tokens})
            return answer

    async def rank(self, request: worker_pb2.RankDocuments) -> worker_pb2.RankedDocuments:
        """See `Callee`."""
        with self._part("rerank") as span:
            answer = await self._callee.rank(request)
            span.set({INPUT_TOKENS: answer.prompt_tokens})
            return answer

    async def render(self, request: worker_pb2.Conversation) -> worker_pb2.Prompt:
        """See `Callee`; it is no span."""
        return await self._callee.render(request)

    async def tokenize(self, request: worker_pb2.TokenizeText) -> worker_pb2.Tokens:
        """See `Callee`; it is no span."""
        return await self._callee.tokenize(request)

    async def detokenize(self, request: worker_pb2.Tokens) -> worker_pb2.Text:
        """See `Callee`; it is no span."""
        return await self._callee.detokenize(request)

    async def run_job(self, job: worker_pb2.Job) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`."""
        with self._part(_JOBS.get(job.WhichOneof("work") or "", "job")) as span:
            async with aclosing(self._callee.run_job(job)) as events:
                async for event in events:
                    _tell(span, event)
                    yield event

    async def run_live_job(
        self, inputs: AsyncIterator[worker_pb2.LiveInput]
    ) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`."""
        with self._part(_JOBS["hear"]) as span:
            async with aclosing(self._callee.run_live_job(inputs)) as events:
                async for event in events:
                    _tell(span, event)
                    yield event

    def _part(self, name: str) -> AbstractContextManager[Span]:
        told = of_model(name, self.model_id)
        return ending(self._span.child(f"{name} {self.model_id}", attributes=told))


def _tell(span: Span, event: worker_pb2.JobEvent) -> None:
    """What a job's span says of its result."""
    if event.HasField("result") and event.result.HasField("embed"):
        span.set({INPUT_TOKENS: event.result.embed.prompt_tokens})


def _add(span: Span, parts: tuple[Phase, ...]) -> None:
    for part in parts:
        phase = span.child(part.name, attributes=part.attributes, begin=part.begin)
        phase.end(at=part.end)

"""Runs one generation in the worker of its model and tells it as the contract's events."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic

from funland.v1 import inference_pb2
from funland.worker.v1.worker_pb2 import Conversation, SequenceEvent, Submit
from funland_server.metrics import Metrics
from funland_server.models.loading import ModelLoader


@dataclass(frozen=True, slots=True)
class Completed:
    """A generation's whole text and how it ended."""

    id: str
    model: str
    text: str
    finish: inference_pb2.Finish


class Generations:
    """All generations of one server."""

    def __init__(self, loader: ModelLoader, metrics: Metrics) -> None:
        self._loader = loader
        self._metrics = metrics

    async def stream(
        self, model: str, submit: Submit
    ) -> AsyncGenerator[inference_pb2.GenerationEvent]:
        """The events of a generation; closing the generator ends it within a step.

        Raises:
            FunlandError: See `InferenceService` in `inference.proto`.
        """
        arrival = monotonic()
        worker = await self._loader.worker(model)
        model_id = worker.model_id
        start = inference_pb2.Start(id=f"gen-{uuid.uuid4().hex}", model=model_id)
        started = False
        first = True
        async with aclosing(worker.generate(submit)) as events:
            async for event in events:
                if not started:  # now it is in the queue; what was refused never started
                    started = True
                    yield inference_pb2.GenerationEvent(start=start)
                if first and event.tokens:
                    first = False
                    seconds = monotonic() - arrival
                    self._metrics.time_to_first_token.labels(model_id).observe(seconds)
                if event.text:
                    delta = inference_pb2.Delta(text=event.text)
                    yield inference_pb2.GenerationEvent(delta=delta)
                if event.HasField("finish"):
                    self._measure(model_id, event, monotonic() - arrival)
                    yield inference_pb2.GenerationEvent(finish=event.finish)

    async def complete(self, model: str, submit: Submit) -> Completed:
        """A generation's whole text; raises as `stream`."""
        start = inference_pb2.Start()
        finish = inference_pb2.Finish()
        text: list[str] = []
        async with aclosing(self.stream(model, submit)) as events:
            async for event in events:
                match event.WhichOneof("event"):
                    case "start":
                        start = event.start
                    case "delta":
                        text.append(event.delta.text)
                    case _:
                        finish = event.finish
        return Completed(start.id, start.model, "".join(text), finish)

    def _measure(self, model: str, event: SequenceEvent, seconds: float) -> None:
        usage = event.finish.usage
        self._metrics.inference_seconds.labels(model).observe(seconds)
        self._metrics.prompt_tokens.labels(model).inc(usage.prompt_tokens)
        self._metrics.cached_prompt_tokens.labels(model).inc(usage.cached_prompt_tokens)


def from_prompt(request: inference_pb2.GenerateRequest) -> Submit:
    """What the worker is told to continue a text."""
    return Submit(prompt=request.prompt, sampling=request.sampling)


def from_conversation(request: inference_pb2.ChatRequest) -> Submit:
    """What the worker is told to answer a conversation."""
    return Submit(conversation=Conversation(messages=request.messages), sampling=request.sampling)

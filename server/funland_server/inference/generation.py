"""Runs generations in the workers of their models and tells them as the contract's events."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from time import monotonic
from typing import Any

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import GenerationEvent
from funland.worker.v1.worker_pb2 import Conversation, SequenceEvent, Submit
from funland_server.identity import caller
from funland_server.inference.counting import counting
from funland_server.inference.defaults import apply_defaults
from funland_server.inference.loading import loading
from funland_server.inference.pace import Pace
from funland_server.inference.showing import Showing
from funland_server.inference.texts import Completed, Texts
from funland_server.metrics import Metrics
from funland_server.models.loading.loader import ModelLoader

Made = Callable[[int], None]
"""Is told of tokens, as they are made."""


class Generations:
    """All generations of one server."""

    def __init__(self, loader: ModelLoader, metrics: Metrics, pace: Pace, showing: Showing) -> None:
        self._showing = showing
        self._loader = loader
        self._metrics = metrics
        self._pace = pace

    async def stream(
        self, model: str, submit: Submit, made: Made | None = None
    ) -> AsyncGenerator[GenerationEvent]:
        """The events of a generation; closing the generator ends it within a step.

        Raises:
            FunlandError: See `InferenceService` in `inference.proto`.
        """
        arrival = monotonic()
        with self._pace.generation() as generation, counting(caller()) as counted:
            options = submit.options
            if options.progress and not self._loader.is_loaded(model):
                async with aclosing(loading(self._loader, model)) as news:
                    async for one in news:
                        yield GenerationEvent(loading=one)
            worker = await self._loader.worker(model)
            model_id = worker.model_id
            apply_defaults(
                submit,
                self._loader.defaults(model_id),
                can_chat=worker.ready.can_chat,
                adapters=self._loader.adapters(model_id),
            )
            await self._showing.fetch(submit.conversation, model_id, worker.ready)
            generation_id = f"gen-{uuid.uuid4().hex}"
            asks_of_prompt = options.progress or options.HasField("prompt_logprobs")
            started = False
            first = True
            untold: Counter[int] = Counter()  # tokens since the delta before, by the text
            async with aclosing(worker.generate(submit)) as events:
                async for event in events:
                    if not started:  # now it is in the queue; what was refused never started
                        started = True
                        start = inference_pb2.Start(
                            id=generation_id, model=model_id, device_ids=worker.device_ids
                        )
                        yield GenerationEvent(start=start)
                    if event.tokens:
                        counted.made(event.tokens)
                        generation.made(event.tokens)
                        if made is not None:
                            made(event.tokens)
                    if first and event.tokens:
                        first = False
                        seconds = monotonic() - arrival
                        self._metrics.time_to_first_token.labels(model_id).observe(seconds)
                    choice = event.choice
                    if event.queue_position:
                        queued = inference_pb2.Queued(position=event.queue_position)
                        yield GenerationEvent(choice=choice, queued=queued)
                    if asks_of_prompt and event.HasField("prefill"):
                        yield GenerationEvent(choice=choice, prefill=event.prefill)
                    if asks_of_prompt and event.HasField("prompt_logprobs"):
                        yield GenerationEvent(choice=choice, prompt_logprobs=event.prompt_logprobs)
                    untold[choice] += event.tokens
                    if event.HasField("delta"):
                        event.delta.tokens = untold.pop(choice)
                        yield GenerationEvent(choice=choice, delta=event.delta)
                    if event.HasField("finish"):
                        generation.end()
                        counted.finished(event)
                        self._measure(model_id, event, monotonic() - arrival)
                        yield GenerationEvent(choice=choice, finish=event.finish)

    async def complete(self, model: str, submit: Submit, made: Made | None = None) -> Completed:
        """A generation's whole texts; raises as `stream`."""
        texts = Texts()
        async with aclosing(self.stream(model, submit, made)) as events:
            async for event in events:
                texts.add(event)
        return texts.completed()

    def _measure(self, model: str, event: SequenceEvent, seconds: float) -> None:
        usage = event.finish.usage
        self._metrics.inference_seconds.labels(model).observe(seconds)
        if event.choice == 0:  # the prompt is computed once for all texts
            self._metrics.prompt_tokens.labels(model).inc(usage.prompt_tokens)
            self._metrics.cached_prompt_tokens.labels(model).inc(usage.cached_prompt_tokens)


def from_prompt(request: inference_pb2.GenerateRequest) -> Submit:
    """What the worker is told to continue a text, or to answer it."""
    submit = Submit(
        sampling=request.sampling,
        format=_set(request, "format"),
        options=_set(request, "options"),
    )
    if request.prompt_tokens:
        submit.tokens.tokens.extend(request.prompt_tokens)
    elif request.as_message:
        submit.message = request.prompt
    else:
        submit.prompt = request.prompt
        submit.suffix = request.suffix
    return submit


def from_chat(request: inference_pb2.ChatRequest, *, lasting: bool = False) -> Submit:
    """What the worker is told to answer a conversation; `lasting` is one that the server keeps."""
    return Submit(
        conversation=conversation(request),
        sampling=request.sampling,
        format=_set(request, "format"),
        options=_set(request, "options"),
        lasting=lasting,
    )


def conversation(request: inference_pb2.ChatRequest) -> Conversation:
    """What the worker's template is given."""
    return Conversation(
        messages=request.messages,
        tools=request.tools,
        tool_choice=_set(request, "tool_choice"),
        parallel_tool_calls=_set(request, "parallel_tool_calls"),
        reasoning=_set(request, "reasoning"),
        template_arguments=request.template_arguments,
        continue_last=request.continue_last,
        drop_oldest=request.drop_oldest,
    )


def _set(request: inference_pb2.ChatRequest | inference_pb2.GenerateRequest, name: str) -> Any:
    """A field's value; None if it is unset."""
    return getattr(request, name) if request.HasField(name) else None  # type: ignore[arg-type]  # `name` is one of the message's fields

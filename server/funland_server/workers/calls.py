"""A model as calls use it: what its worker's loss did not let begin is begun once more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2 import SequenceEvent
from funland_server.workers.errors import WorkerLostError
from funland_server.workers.worker import Worker

Answer = TypeVar("Answer")

_TELLING = ("delta", "finish", "prompt_logprobs")


class ModelCalls:
    """Has the calls of `Worker`, each with one retry by the worker that replaces a lost one.

    A generation is retried if nothing of its texts was told: then the caller can't tell but by the
    time. The other calls change nothing, so they can always be made twice.
    """

    def __init__(self, worker: Worker, acquire: Callable[[], Awaitable[Worker]]) -> None:
        """`acquire` gives the model's present worker, loaded first if need be."""
        self._worker = worker
        self._acquire = acquire

    @property
    def model_id(self) -> str:
        """The id of the model."""
        return self._worker.model_id

    @property
    def ready(self) -> worker_pb2.Ready:
        """What the worker says of the model."""
        return self._worker.ready

    @property
    def device_ids(self) -> tuple[str, ...]:
        """Where it is computed: see `LoadedModel.device_ids`."""
        return self._worker.device_ids

    async def generate(self, submit: worker_pb2.Submit) -> AsyncGenerator[SequenceEvent]:
        """Runs a sequence and gives the events of its `n` texts; closing the generator ends it.

        Raises:
            FunlandError: What the worker refused, WorkerLostError, ModelUnloadedError, or what a
                load may raise.
        """
        worker = await self._present()
        told = retried = False
        while True:
            with worker.sequence(submit) as sequence:
                try:
                    while sequence.open_texts:
                        event = await sequence.take()
                        told = told or tells(event)
                        yield event
                    return
                except WorkerLostError:
                    if told or retried:
                        raise
            worker, retried = await self._renewed(), True

    async def embed(self, request: worker_pb2.EmbedTexts) -> worker_pb2.EmbeddedTexts:
        """See `worker.proto`; raises as `generate`."""
        return await self._twice(lambda worker: worker.embed(request))

    async def rank(self, request: worker_pb2.RankDocuments) -> worker_pb2.RankedDocuments:
        """See `worker.proto`; raises as `generate`."""
        return await self._twice(lambda worker: worker.rank(request))

    async def render(self, request: worker_pb2.Conversation) -> worker_pb2.Prompt:
        """See `worker.proto`; raises as `generate`."""
        return await self._twice(lambda worker: worker.render(request))

    async def tokenize(self, request: worker_pb2.TokenizeText) -> worker_pb2.Tokens:
        """See `worker.proto`; raises as `generate`."""
        return await self._twice(lambda worker: worker.tokenize(request))

    async def detokenize(self, request: worker_pb2.Tokens) -> worker_pb2.Text:
        """See `worker.proto`; raises as `generate`."""
        return await self._twice(lambda worker: worker.detokenize(request))

    async def run_job(self, job: worker_pb2.Job) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`. It is begun once more if nothing of it was told."""
        worker = await self._present()
        told = retried = False
        while True:
            try:
                async with aclosing(worker.run_job(job)) as events:
                    async for event in events:
                        told = True
                        yield event
                return
            except WorkerLostError:
                if told or retried:
                    raise
            worker, retried = await self._renewed(), True

    async def run_live_job(
        self, inputs: AsyncIterator[worker_pb2.LiveInput]
    ) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`. It is not begun once more: what was said is gone."""
        worker = await self._present()
        async with aclosing(worker.run_live_job(inputs)) as events:
            async for event in events:
                yield event

    async def _twice(self, call: Callable[[Worker], Awaitable[Answer]]) -> Answer:
        worker = await self._present()
        try:
            return await call(worker)
        except WorkerLostError:
            return await call(await self._renewed())

    async def _present(self) -> Worker:
        """The worker, or the one that took its place since the call before."""
        return await self._renewed() if self._worker.over else self._worker

    async def _renewed(self) -> Worker:
        self._worker = await self._acquire()
        return self._worker


def tells(event: SequenceEvent) -> bool:
    """Whether the event is more than that the sequence is in the queue, or where, or how far its
    prompt is computed."""
    return bool(event.tokens) or any(map(event.HasField, _TELLING))

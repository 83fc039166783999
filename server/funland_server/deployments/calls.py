"""A deployment as calls use it: each goes to one of its processes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager
from typing import TypeVar

from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2 import SequenceEvent
from funland_server.deployments.deployed import Deployed, Slot
from funland_server.deployments.routing import Beginning, Busy, beginning, choose
from funland_server.workers.callee import Callee
from funland_server.workers.calls import tells
from funland_server.workers.errors import WorkerLostError

Answer = TypeVar("Answer")


class DeploymentCalls:
    """See `Callee`. One call's own: where it is computed is known once it has begun."""

    def __init__(self, deployed: Deployed) -> None:
        """Of one that answers; raises DeploymentNotRunningError."""
        self._deployed = deployed
        self._callee = _least_busy(deployed).runner.callee()

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
        """See `Callee`; as `ModelCalls.generate`, it is begun once more if nothing was told."""
        several = self._deployed.replicas > 1
        prompt = beginning(submit) if several else ()
        told = retried = False
        while True:
            await self._deployed.wait_until_it_answers()
            with self._chosen(prompt) as callee:
                try:
                    async with aclosing(callee.generate(submit)) as events:
                        async for event in events:
                            told = told or tells(event)
                            yield event
                    return
                except WorkerLostError:
                    if told or retried:
                        raise
            retried = True

    async def embed(self, request: worker_pb2.EmbedTexts) -> worker_pb2.EmbeddedTexts:
        """See `Callee`."""
        return await self._twice(lambda callee: callee.embed(request))

    async def rank(self, request: worker_pb2.RankDocuments) -> worker_pb2.RankedDocuments:
        """See `Callee`."""
        return await self._twice(lambda callee: callee.rank(request))

    async def render(self, request: worker_pb2.Conversation) -> worker_pb2.Prompt:
        """See `Callee`."""
        return await self._twice(lambda callee: callee.render(request))

    async def tokenize(self, request: worker_pb2.TokenizeText) -> worker_pb2.Tokens:
        """See `Callee`."""
        return await self._twice(lambda callee: callee.tokenize(request))

    async def detokenize(self, request: worker_pb2.Tokens) -> worker_pb2.Text:
        """See `Callee`."""
        return await self._twice(lambda callee: callee.detokenize(request))

    async def run_job(self, job: worker_pb2.Job) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`; as `ModelCalls.run_job`, it is begun once more if nothing was told."""
        told = retried = False
        while True:
            await self._deployed.wait_until_it_answers()
            with self._chosen(()) as callee:
                try:
                    async with aclosing(callee.run_job(job)) as events:
                        async for event in events:
                            told = True
                            yield event
                    return
                except WorkerLostError:
                    if told or retried:
                        raise
            retried = True

    async def run_live_job(
        self, inputs: AsyncIterator[worker_pb2.LiveInput]
    ) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`."""
        await self._deployed.wait_until_it_answers()
        with self._chosen(()) as callee:
            async with aclosing(callee.run_live_job(inputs)) as events:
                async for event in events:
                    yield event

    async def _twice(self, call: Callable[[Callee], Awaitable[Answer]]) -> Answer:
        try:
            return await self._once(call)
        except WorkerLostError:
            return await self._once(call)

    async def _once(self, call: Callable[[Callee], Awaitable[Answer]]) -> Answer:
        await self._deployed.wait_until_it_answers()
        with self._chosen(()) as callee:
            return await call(callee)

    @contextmanager
    def _chosen(self, prompt: Beginning) -> Generator[Callee]:
        """What answers the call, which counts there until the block ends."""
        slots = self._deployed.running()
        busy = [_busy(slot) for slot in slots]
        slot = slots[choose(busy, [slot.recent.shared(prompt) for slot in slots])]
        slot.chosen = self._deployed.next_count()
        self._callee = slot.runner.callee()
        slot.recent.note(prompt)
        with slot.called():
            yield self._callee


def _least_busy(deployed: Deployed) -> Slot:
    slots = deployed.running()
    return slots[choose([_busy(slot) for slot in slots], [0] * len(slots))]


def _busy(slot: Slot) -> Busy:
    return Busy(slot.calls, max(1, slot.runner.callee().ready.slots), slot.chosen)

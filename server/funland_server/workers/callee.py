"""What answers calls that name a model, whatever computes them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2 import SequenceEvent


class Callee(Protocol):
    """A model in memory, for who calls it: in a worker, in several, or in another program."""

    @property
    def model_id(self) -> str:
        """The id that answers name."""
        ...

    @property
    def ready(self) -> worker_pb2.Ready:
        """What there is to know of the model."""
        ...

    @property
    def device_ids(self) -> tuple[str, ...]:
        """Where it is computed: see `LoadedModel.device_ids`."""
        ...

    def generate(self, submit: worker_pb2.Submit) -> AsyncGenerator[SequenceEvent]:
        """Runs a sequence and gives the events of its `n` texts, as `worker.proto` tells; closing
        the generator ends it.

        Raises:
            FunlandError: What was refused, WorkerLostError, ModelUnloadedError, or what a load may
                raise.
        """
        ...

    async def embed(self, request: worker_pb2.EmbedTexts) -> worker_pb2.EmbeddedTexts:
        """See `worker.proto`; raises as `generate`, as do the others."""
        ...

    async def rank(self, request: worker_pb2.RankDocuments) -> worker_pb2.RankedDocuments:
        """See `worker.proto`."""
        ...

    async def render(self, request: worker_pb2.Conversation) -> worker_pb2.Prompt:
        """See `worker.proto`."""
        ...

    async def tokenize(self, request: worker_pb2.TokenizeText) -> worker_pb2.Tokens:
        """See `worker.proto`."""
        ...

    async def detokenize(self, request: worker_pb2.Tokens) -> worker_pb2.Text:
        """See `worker.proto`."""
        ...

    def run_job(self, job: worker_pb2.Job) -> AsyncGenerator[worker_pb2.JobEvent]:
        """Does work that takes long and gives its news, the last of which is its result; closing
        the generator ends it within a step. Raises as `generate`, a job's failure too."""
        ...

    def run_live_job(
        self, inputs: AsyncIterator[worker_pb2.LiveInput]
    ) -> AsyncGenerator[worker_pb2.JobEvent]:
        """As `run_job`, for work whose input comes meanwhile; the first input begins it."""
        ...

"""A loaded model, as the server calls it: all its sequences over one link."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import aclosing
from time import monotonic, time
from typing import Any

import grpc.aio
import structlog
from google.protobuf.empty_pb2 import Empty

from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2_grpc import WorkerServiceStub
from funland_server.errors import FunlandError
from funland_server.workers.errors import ModelUnloadedError, WorkerLostError
from funland_server.workers.failures import WorkerDefectError, from_wire
from funland_server.workers.process import WorkerProcess
from funland_server.workers.sequence import Sequence
from funland_server.workers.spec import device_ids
from funland_server.workers.watchdog import Patience, Watchdog

logger = structlog.get_logger(__name__)

_FAILURE_KEY = "funland-failure-bin"
_KEEPING_SECONDS = 5.0
_PATIENCE = Patience()


class Worker:
    """One worker process and what runs in it. `lost` is set when it ended unasked."""

    def __init__(
        self,
        model_id: str,
        process: WorkerProcess,
        observe: Callable[[worker_pb2.Step, int], None],
        load_ms: float,
        patience: Patience = _PATIENCE,
    ) -> None:
        """`observe` is called with each step that tells of sequences, and how many tokens it
        made."""
        self.model_id = model_id
        self.process = process
        self.spec = process.spec
        self.ready = process.ready
        self.device_ids = device_ids(process.spec, process.ready)
        """Where it computes."""
        self.load_time = time()
        self.load_monotonic = monotonic()
        self.load_ms = load_ms
        self.lost = asyncio.Event()
        self.active_sequences = 0
        self.waiting_sequences = 0
        self.cached_tokens = 0
        self._calls: dict[int, float] = {}
        self.used = False
        """Whether it has had a call."""
        self.idle_since = self.load_monotonic
        """When its last call ended, by `time.monotonic()`."""
        self._observe = observe
        self._ids = itertools.count(1)
        self._call_numbers = itertools.count(1)
        self._sequences: dict[int, Sequence] = {}
        self._end_reason: Callable[[str], FunlandError] | None = None
        self._channel = process.open_channel()
        self._stub: Any = WorkerServiceStub(self._channel)
        self._metadata = (("authorization", process.token),)
        self._idle = asyncio.Event()
        self._idle.set()
        self._watchdog = Watchdog(patience, self._ping)
        self._over = asyncio.Event()
        self._running = asyncio.create_task(self._run())

    @property
    def calls(self) -> int:
        """How many calls of any kind are under way."""
        return len(self._calls)

    @property
    def calls_since(self) -> float | None:
        """Since when the oldest of them is, in Unix time."""
        return next(iter(self._calls.values()), None)

    @property
    def over(self) -> bool:
        """Whether it takes no more calls: it was lost, or is ended."""
        return self.lost.is_set() or self._end_reason is not None

    @property
    def memory_bytes(self) -> int | None:
        """The resident memory of its process; None if that is not known."""
        return self.process.memory_bytes

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most that its process had of the memory so far; None if that is not known."""
        return self.process.peak_memory_bytes

    @contextlib.contextmanager
    def sequence(self, submit: worker_pb2.Submit) -> Generator[Sequence]:
        """Runs a sequence until the block ends.

        Raises:
            FunlandError: WorkerLostError or ModelUnloadedError.
        """
        submit.sequence_id = next(self._ids)
        sequence = Sequence(self.model_id, submit.options.n or 1)
        with self._call():
            self._sequences[submit.sequence_id] = sequence
            self.process.link.send(worker_pb2.Command(submit=submit))
            try:
                yield sequence
            finally:
                del self._sequences[submit.sequence_id]
                if sequence.open_texts:
                    cancel = worker_pb2.Cancel(sequence_id=submit.sequence_id)
                    self.process.link.send(worker_pb2.Command(cancel=cancel))

    async def generate(self, submit: worker_pb2.Submit) -> AsyncGenerator[worker_pb2.SequenceEvent]:
        """See `Callee`."""
        with self.sequence(submit) as sequence:
            while sequence.open_texts:
                yield await sequence.take()

    async def embed(self, request: worker_pb2.EmbedTexts) -> worker_pb2.EmbeddedTexts:
        """See `worker.proto`; raises as `generate`."""
        return await self._unary(self._stub.Embed, request)

    async def rank(self, request: worker_pb2.RankDocuments) -> worker_pb2.RankedDocuments:
        """See `worker.proto`; raises as `generate`."""
        return await self._unary(self._stub.Rank, request)

    async def render(self, request: worker_pb2.Conversation) -> worker_pb2.Prompt:
        """See `worker.proto`; raises as `generate`."""
        return await self._unary(self._stub.Render, request)

    async def tokenize(self, request: worker_pb2.TokenizeText) -> worker_pb2.Tokens:
        """See `worker.proto`; raises as `generate`."""
        return await self._unary(self._stub.Tokenize, request)

    async def detokenize(self, request: worker_pb2.Tokens) -> worker_pb2.Text:
        """See `worker.proto`; raises as `generate`."""
        return await self._unary(self._stub.Detokenize, request)

    async def run_job(self, job: worker_pb2.Job) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`."""
        async with aclosing(self._job(self._stub.RunJob, job)) as events:
            async for event in events:
                yield event

    async def run_live_job(
        self, inputs: AsyncIterator[worker_pb2.LiveInput]
    ) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`."""
        async with aclosing(self._job(self._stub.RunLiveJob, inputs)) as events:
            async for event in events:
                yield event

    async def _job(self, method: Any, given: Any) -> AsyncGenerator[worker_pb2.JobEvent]:
        with self._call():
            call = method(given, metadata=self._metadata)
            try:
                async for event in call:
                    if event.HasField("failure"):
                        raise from_wire(event.failure, self.model_id)
                    yield event
                    if event.HasField("result"):
                        return
            except (asyncio.CancelledError, grpc.aio.AioRpcError) as error:
                failure = await self._failure(error)
                if failure is error:
                    raise
                raise failure from None
            finally:
                call.cancel()
            raise WorkerDefectError("a job ended without a result")

    async def keep_prefixes(self) -> None:
        """Lets the worker write what the next one can use, before it ends; it may take a while, and
        not work. One that takes no more calls does it too."""
        if self.spec.prefix_spill is None or not self.used or self._over.is_set():
            return
        try:
            async with asyncio.timeout(_KEEPING_SECONDS):
                await self._ask(self._stub.KeepPrefixes, Empty())
        except (FunlandError, TimeoutError):
            logger.info("prefixes_not_kept", model=self.model_id)

    def rest(self) -> None:
        """Has the training that runs in it write a checkpoint and end."""
        self.process.link.send(worker_pb2.Command(rest=worker_pb2.Rest()))

    async def wait_idle(self) -> None:
        """Waits until no call is under way."""
        while self.calls:  # one may begin between the event and our turn
            await self._idle.wait()

    def refuse(self, reason: Callable[[str], FunlandError] = ModelUnloadedError) -> None:
        """Takes no more calls: they fail with `reason`. Those under way go on."""
        self._end_reason = reason

    async def end(self, reason: Callable[[str], FunlandError] = ModelUnloadedError) -> None:
        """Ends the process; calls under way fail with `reason`."""
        self.refuse(reason)
        await self.process.end()
        await self._running

    @contextlib.contextmanager
    def _call(self) -> Any:
        if self.over:
            raise self._end_error()
        self.used = True
        call = next(self._call_numbers)
        self._calls[call] = time()
        self._idle.clear()
        try:
            yield
        finally:
            del self._calls[call]
            if not self._calls:
                self.idle_since = monotonic()
                self._idle.set()

    async def _unary(self, method: Any, request: Any) -> Any:
        with self._call():
            return await self._ask(method, request)

    async def _ask(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, metadata=self._metadata)
        except (asyncio.CancelledError, grpc.aio.AioRpcError) as error:
            failure = await self._failure(error)
            if failure is error:
                raise
            raise failure from None

    async def _failure(self, error: asyncio.CancelledError | grpc.aio.AioRpcError) -> BaseException:
        """What a call's end means to its caller."""
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                return error
            # Not the caller went away: the channel was closed.
            return self._end_error()
        if error.code() == grpc.StatusCode.CANCELLED and self._over.is_set():
            return self._end_error()  # the channel was closed while nobody read
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            self.process.kill()
            await self._over.wait()  # so that nobody takes it for one that lives
            return self._end_error()
        for key, value in error.trailing_metadata() or ():
            if key == _FAILURE_KEY:
                failure = worker_pb2.Failure.FromString(bytes(value))  # type: ignore[arg-type]  # a -bin key's value is bytes
                return from_wire(failure, self.model_id)
        return WorkerDefectError(error.details())

    async def _run(self) -> None:
        """Reads the link until the process ends, then fails what is under way."""
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._watch())]
        await self.process.ended()
        self.process.link.close()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if self._end_reason is None:
            self.lost.set()  # first, so that the loss is known before anybody calls again
        for sequence in self._sequences.values():
            sequence.fail(self._end_error())
        self._over.set()
        await self._channel.close()

    async def _watch(self) -> None:
        """Kills a process that hangs: then it is lost, as one that ended by itself."""
        how = await self._watchdog.hang()
        logger.error("worker_hangs", model=self.model_id, pid=self.process.pid, how=how)
        self.process.kill()

    def _ping(self, number: int) -> None:
        ping = worker_pb2.Ping(ping_id=number)
        self.process.link.send(worker_pb2.Command(ping=ping))

    async def _read(self) -> None:
        try:
            await self.process.link.read(self._take)
        except Exception:
            logger.exception("worker_step_failed", model=self.model_id)
        finally:
            # Without its link the process is of no use.
            self.process.kill()

    def _take(self, step: worker_pb2.Step) -> None:
        self._watchdog.heard(step)
        if step.HasField("pong"):
            return
        if step.HasField("active_sequences"):
            self.active_sequences = step.active_sequences
            self.waiting_sequences = step.waiting_sequences
            self.cached_tokens = step.cached_tokens
        tokens = 0
        for event in step.events:
            tokens += event.tokens
            if sequence := self._sequences.get(event.sequence_id):
                sequence.put(event)
        self._observe(step, tokens)

    def _end_error(self) -> FunlandError:
        return (self._end_reason or WorkerLostError)(self.model_id)

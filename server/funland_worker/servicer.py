"""Answers `worker.proto`: the wire on one side, the engine's thread on the other."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import grpc.aio

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Embedding
from funland.worker.v1 import worker_pb2, worker_pb2_grpc
from funland_worker.engine_thread import EngineThread
from funland_worker.engines.protocol import Engine, EngineError, StepReport
from funland_worker.prompts import PromptReader
from funland_worker.wire import accepted_sequence, failed_sequence, failure_to_wire, step_to_wire

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

FAILURE_KEY = "funland-failure-bin"
"""Trailing metadata of a unary call that failed: a `Failure`."""


class WorkerServicer(worker_pb2_grpc.WorkerServiceServicer):
    """One model's calls, all for one server."""

    def __init__(self, engine: Engine, prompts: PromptReader, token: str) -> None:
        self._engine = engine
        self._prompts = prompts
        self._token = token
        self._steps: asyncio.Queue[worker_pb2.Step] = asyncio.Queue()
        self._reading: dict[int, asyncio.Task[None]] = {}
        """Submitted sequences whose prompts are being rendered and tokenized."""
        self.thread = EngineThread(engine, self._deliver)

    async def Run(
        self, request_iterator: AsyncIterator[worker_pb2.Command], context: Context
    ) -> AsyncIterator[worker_pb2.Step]:
        """See `worker.proto`."""
        await self._authorize(context)
        commands = asyncio.create_task(self._obey(request_iterator))
        try:
            while True:
                yield await self._steps.get()
        finally:
            commands.cancel()

    async def Embed(
        self, request: worker_pb2.EmbedTexts, context: Context
    ) -> worker_pb2.EmbeddedTexts:
        """See `worker.proto`."""
        await self._authorize(context)
        try:
            texts = [
                await self._prompts.tokens(text, add_special=True, parse_special=False)
                for text in request.inputs
            ]
            for tokens in texts:
                self._prompts.check_length(tokens)
            # One text at a time, so that generations go on between them.
            vectors = [
                (await self.thread.run(lambda tokens=tokens: self._engine.embed([tokens])))[0]
                for tokens in texts
            ]
        except EngineError as error:
            await _abort(context, error)
        return worker_pb2.EmbeddedTexts(
            embeddings=[Embedding(values=vector) for vector in vectors],
            prompt_tokens=sum(map(len, texts)),
        )

    async def Tokenize(
        self, request: worker_pb2.TokenizeText, context: Context
    ) -> worker_pb2.Tokens:
        """See `worker.proto`."""
        await self._authorize(context)
        tokens = await self._prompts.tokens(
            request.text, add_special=request.add_special, parse_special=request.parse_special
        )
        return worker_pb2.Tokens(tokens=tokens)

    async def Detokenize(self, request: worker_pb2.Tokens, context: Context) -> worker_pb2.Text:
        """See `worker.proto`."""
        await self._authorize(context)
        try:
            # A million tokens take a second, in which the steps of others must be delivered.
            text = await asyncio.to_thread(self._engine.detokenize, request.tokens)
        except EngineError as error:
            await _abort(context, error)
        return worker_pb2.Text(text=text)

    async def _authorize(self, context: Context) -> None:
        metadata = dict(context.invocation_metadata() or ())
        given = str(metadata.get("authorization", ""))
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is wrong.")

    async def _obey(self, commands: AsyncIterator[worker_pb2.Command]) -> None:
        async for command in commands:
            if command.WhichOneof("command") == "submit":
                sequence_id = command.submit.sequence_id
                task = asyncio.create_task(self._submit(command.submit))
                self._reading[sequence_id] = task
                task.add_done_callback(lambda _, key=sequence_id: self._reading.pop(key, None))
            else:
                if task := self._reading.get(command.cancel.sequence_id):
                    task.cancel()
                self.thread.cancel(command.cancel.sequence_id)

    async def _submit(self, submit: worker_pb2.Submit) -> None:
        with suppress(asyncio.CancelledError):
            try:
                self.thread.submit(await self._prompts.read(submit))
                # Before any step of it: the engine's reports come through the loop, later.
                self._steps.put_nowait(accepted_sequence(submit.sequence_id))
            except EngineError as error:
                self._steps.put_nowait(failed_sequence(submit.sequence_id, error))
            except Exception as error:
                unforeseen = EngineError(ErrorReason.INTERNAL_ERROR, repr(error))
                self._steps.put_nowait(failed_sequence(submit.sequence_id, unforeseen))

    def _deliver(self, report: StepReport) -> None:
        self._steps.put_nowait(step_to_wire(report))


async def _abort(context: Context, error: EngineError) -> NoReturn:
    failure = failure_to_wire(error).SerializeToString()
    await context.abort(
        grpc.StatusCode.FAILED_PRECONDITION, error.message, ((FAILURE_KEY, failure),)
    )
    raise AssertionError("abort raises")

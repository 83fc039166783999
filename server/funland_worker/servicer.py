"""Answers `worker.proto`: the wire on one side, the engine's thread on the other."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.empty_pb2 import Empty

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Embedding as Vector
from funland.v1.inference_pb2 import EmbedRequest, GenerationOptions
from funland.worker.v1 import worker_pb2, worker_pb2_grpc
from funland_worker.embedding import Embedding
from funland_worker.engine_thread import EngineThread
from funland_worker.engines.protocol import Engine, EngineError, StepReport
from funland_worker.engines.vocabulary import detokenize
from funland_worker.gathering import Gathering
from funland_worker.jobs import Jobs
from funland_worker.open_texts import OpenTexts
from funland_worker.prompts import PromptReader
from funland_worker.vectors import cosines, finite, parts, shortened
from funland_worker.wire import (
    accepted_sequence,
    failed_sequence,
    failure_to_wire,
    pong,
    step_to_wire,
)

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

_QUEUE_LIMIT = 1024
"""How many texts wait if the server does not say."""
_SHOWN = -1
"""What is told for each row of a picture or a sound, which is no token."""
_RANK_TOKENS = 512
"""How many tokens are ranked before generations get a step."""

FAILURE_KEY = "funland-failure-bin"
"""Trailing metadata of a unary call that failed: a `Failure`."""


class WorkerServicer(worker_pb2_grpc.WorkerServiceServicer):
    """One model's calls, all for one server."""

    def __init__(
        self,
        engine: Engine,
        prompts: PromptReader,
        token: str,
        send: Callable[[worker_pb2.Step], None],
        *,
        queue_limit: int = 0,
    ) -> None:
        """`send` gets the steps. At most `queue_limit` texts wait for a slot; 0: as many as is
        usual."""
        self._engine = engine
        self._prompts = prompts
        self._token = token
        self._texts = OpenTexts(engine.slots, queue_limit or _QUEUE_LIMIT, engine.vocabulary)
        self._send = send
        self._reading: dict[int, asyncio.Task[None]] = {}
        """Submitted sequences whose prompts are being rendered and tokenized."""
        self._arriving: set[int] = set()
        """Those of them that somebody waits for."""
        self.thread = EngineThread(
            engine,
            self._deliver,
            lambda: bool(self._reading),
            Gathering(),
            lambda: bool(self._arriving),
        )
        self.failed = self.thread.failed
        """What the engine failed with, after which it runs no more."""
        self._embedding = Embedding(engine, prompts, self.thread)
        self._jobs = Jobs(self._embedding)

    def obey(self, command: worker_pb2.Command) -> None:
        """Does what the server says over the link; see `worker.proto`."""
        match command.WhichOneof("command"):
            case "submit":
                self._admit(command.submit)
            case "cancel":
                self._cancel(command.cancel.sequence_id)
            case "ping":
                self._send(pong(command.ping.ping_id, self.thread.step_ms))
            case _:
                pass

    async def Embed(
        self, request: worker_pb2.EmbedTexts, context: Context
    ) -> worker_pb2.EmbeddedTexts:
        """See `worker.proto`."""
        await self._authorize(context)
        try:
            texts = await self._embedding.read(request)
            vectors = await self._embedding.vectors(texts, request.pooling)
            vectors = shortened(vectors, request.dimensions, raw=request.raw)
        except EngineError as error:
            await _abort(context, error)
        return worker_pb2.EmbeddedTexts(
            embeddings=[Vector(values=vector) for vector in vectors],
            prompt_tokens=sum(map(len, texts)),
        )

    async def Rank(
        self, request: worker_pb2.RankDocuments, context: Context
    ) -> worker_pb2.RankedDocuments:
        """See `worker.proto`."""
        await self._authorize(context)
        try:
            if self._engine.can_rank:
                texts, scores = await self._ranked(request.query, request.documents)
            else:
                texts = await self._embedding.tokens((request.query, *request.documents))
                pooling = EmbedRequest.POOLING_UNSPECIFIED
                scores = cosines(await self._embedding.vectors(texts, pooling))
        except EngineError as error:
            await _abort(context, error)
        return worker_pb2.RankedDocuments(
            scores=scores,
            prompt_tokens=sum(map(len, texts)),
            cosines=not self._engine.can_rank,
        )

    async def Render(self, request: worker_pb2.Conversation, context: Context) -> worker_pb2.Prompt:
        """See `worker.proto`."""
        await self._authorize(context)
        try:
            rendering = await self._prompts.render(request)
        except EngineError as error:
            await _abort(context, error)
        tokens = [max(token, _SHOWN) for token in rendering.tokens]
        return worker_pb2.Prompt(text=rendering.text, tokens=tokens)

    async def Tokenize(
        self, request: worker_pb2.TokenizeText, context: Context
    ) -> worker_pb2.Tokens:
        """See `worker.proto`."""
        await self._authorize(context)
        tokens = await self._prompts.tokens(
            request.text, add_special=request.add_special, parse_special=request.parse_special
        )
        answer = worker_pb2.Tokens(tokens=tokens)
        if request.with_pieces:
            pieces = map(self._engine.vocabulary.piece, tokens)
            answer.pieces.extend(await asyncio.to_thread(list, pieces))
        return answer

    async def Detokenize(self, request: worker_pb2.Tokens, context: Context) -> worker_pb2.Text:
        """See `worker.proto`."""
        await self._authorize(context)
        try:
            # A million tokens take a second, in which the steps of others must be delivered.
            text = await asyncio.to_thread(detokenize, self._engine.vocabulary, request.tokens)
        except EngineError as error:
            await _abort(context, error)
        return worker_pb2.Text(text=text)

    async def RunJob(
        self, request: worker_pb2.Job, context: Context
    ) -> AsyncIterator[worker_pb2.JobEvent]:
        """See `worker.proto`."""
        await self._authorize(context)
        async with aclosing(self._jobs.run(request)) as events:
            async for event in events:
                yield event

    async def RunLiveJob(
        self, request_iterator: AsyncIterator[worker_pb2.LiveInput], context: Context
    ) -> AsyncIterator[worker_pb2.JobEvent]:
        """Is UNIMPLEMENTED."""
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED, "The model takes no input that comes meanwhile."
        )
        yield worker_pb2.JobEvent()  # makes it a stream; abort raises

    async def KeepPrefixes(self, request: Empty, context: Context) -> Empty:
        """See `worker.proto`."""
        await self._authorize(context)
        await self.thread.run(self._engine.put_away)
        return Empty()

    async def _authorize(self, context: Context) -> None:
        metadata = dict(context.invocation_metadata() or ())
        given = str(metadata.get("authorization", ""))
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is wrong.")

    def _admit(self, submit: worker_pb2.Submit) -> None:
        sequence_id = submit.sequence_id
        try:
            shows = any(message.parts for message in submit.conversation.messages)
            self._texts.admit(sequence_id, submit.options.n or 1, shows=shows)
        except EngineError as error:
            self._send(failed_sequence(sequence_id, error))
            return
        task = asyncio.create_task(self._submit(submit))
        self._reading[sequence_id] = task
        task.add_done_callback(partial(self._has_read, sequence_id))
        if submit.options.priority != GenerationOptions.LOW:
            self._arriving.add(sequence_id)
            self.thread.hurry()

    def _has_read(self, sequence_id: int, _: asyncio.Task[None]) -> None:
        self._reading.pop(sequence_id, None)
        self._arriving.discard(sequence_id)

    def _cancel(self, sequence_id: int) -> None:
        if task := self._reading.get(sequence_id):
            task.cancel()
        self._texts.drop(sequence_id)
        self.thread.cancel(sequence_id)

    async def _submit(self, submit: worker_pb2.Submit) -> None:
        sequence_id = submit.sequence_id
        with suppress(asyncio.CancelledError):
            try:
                reading = await self._prompts.read(submit)
            except EngineError as error:
                self._fail(sequence_id, error)
            except Exception as error:
                self._fail(sequence_id, EngineError(ErrorReason.INTERNAL_ERROR, repr(error)))
            else:
                if reading.shape is not None:
                    self._texts.shape(
                        sequence_id,
                        reading.shape,
                        dropped=reading.dropped,
                        shows_control=reading.prompts[0].shows_control,
                    )
                self.thread.submit(reading.prompts, partial(self._submitted, sequence_id))

    def _submitted(self, sequence_id: int, error: EngineError | None) -> None:
        if error is not None:
            self._fail(sequence_id, error)
        elif self._texts.has(sequence_id):
            self._send(accepted_sequence(sequence_id))

    def _fail(self, sequence_id: int, error: EngineError) -> None:
        self._texts.drop(sequence_id)
        self._send(failed_sequence(sequence_id, error))

    def _deliver(self, report: StepReport) -> None:
        step = step_to_wire(report)
        self._texts.tell(report, step.events)
        self._send(step)

    async def _ranked(
        self, query: str, documents: Sequence[str]
    ) -> tuple[list[list[int]], list[float]]:
        pairs = [
            await asyncio.to_thread(self._engine.rank_pair, query, document)
            for document in documents
        ]
        for tokens in pairs:
            self._prompts.check_length(tokens)
        scores = [
            score
            for part in parts(pairs, _RANK_TOKENS)
            for score in await self.thread.run(partial(self._engine.rank, part))
        ]
        return pairs, finite(scores)


async def _abort(context: Context, error: EngineError) -> NoReturn:
    failure = failure_to_wire(error).SerializeToString()
    await context.abort(
        grpc.StatusCode.FAILED_PRECONDITION, error.message, ((FAILURE_KEY, failure),)
    )
    raise AssertionError("abort raises")

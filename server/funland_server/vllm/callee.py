"""A model that vLLM serves, as calls use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import aclosing, contextmanager
from typing import Any, Final, TypeAlias

from funland.v1.inference_pb2 import Embedding, EmbedRequest
from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2 import Conversation, SequenceEvent, Step, Submit
from funland_server.vllm import conversations
from funland_server.vllm.answers import Answer
from funland_server.vllm.arguments import SERVED_NAME
from funland_server.vllm.dropping import fitting
from funland_server.vllm.http import Http, RefusedError
from funland_server.vllm.reading import EMBED, RERANK, Serving
from funland_server.vllm.refusals import prompt_too_long, refusal, too_long
from funland_server.vllm.requests import Request, request
from funland_server.vllm.unsupported import unsupported
from funland_server.workers.errors import (
    ModelCannotChatError,
    TokenUnknownError,
    WorkerLostError,
)

_BROKEN: Final = 500

Observe: TypeAlias = Callable[[Step, int], None]


class VllmCallee:
    """One process, until it ends. Implements `funland_server.workers.callee.Callee`."""

    def __init__(
        self, http: Http, serving: Serving, device_ids: tuple[str, ...], observe: Observe
    ) -> None:
        """`observe` is called when calls begin, end, or have made tokens."""
        self._http = http
        self._serving = serving
        self._device_ids = device_ids
        self._observe = observe
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._end_reason: Callable[[], Exception] | None = None

    @property
    def model_id(self) -> str:
        """See `Callee`."""
        return self._serving.served.model_id

    @property
    def ready(self) -> worker_pb2.Ready:
        """See `Callee`."""
        return self._serving.ready

    @property
    def device_ids(self) -> tuple[str, ...]:
        """See `Callee`."""
        return self._device_ids

    @property
    def calls(self) -> int:
        """Those that are under way."""
        return self._calls

    async def wait_idle(self) -> None:
        """Waits until no call is under way."""
        while self._calls:  # one may begin between the event and our turn
            await self._idle.wait()

    def end(self, reason: Callable[[], Exception]) -> None:
        """Says why calls fail that its process does not answer any more."""
        self._end_reason = reason

    async def generate(self, submit: Submit) -> AsyncGenerator[SequenceEvent]:
        """See `Callee`. Raises what `requests.request` and `refusals.refusal` do too."""
        sent, dropped = await self._sized(submit)
        with self._call():
            try:
                async with aclosing(self._told(sent)) as events:
                    async for event in events:
                        if dropped and event.HasField("finish"):
                            event.finish.usage.dropped_messages = dropped
                        yield event
            except RefusedError as refused:
                raise await self._refusal(refused, sent) from refused

    async def embed(self, request: worker_pb2.EmbedTexts) -> worker_pb2.EmbeddedTexts:
        """See `Callee`."""
        if not self._serving.can_embed:
            raise unsupported("embeddings", "it serves this model for text", model=self.model_id)
        if request.pooling != EmbedRequest.POOLING_UNSPECIFIED:
            raise unsupported("pooling", "it pools as the model's files say", model=self.model_id)
        if request.raw:
            raise unsupported("normalize", "its vectors have length 1", model=self.model_id)
        values: list[Embedding] = []
        tokens = 0
        texts: list[Any] = [*request.inputs]
        numbers = [list(one.tokens) for one in request.token_inputs]
        for inputs in (texts, numbers):  # one request has texts or tokens
            if not inputs:
                continue
            body: dict[str, Any] = {"model": SERVED_NAME, "input": inputs}
            if request.dimensions:
                body["dimensions"] = request.dimensions
            answer = await self._post(EMBED, body)
            tokens += answer["usage"]["prompt_tokens"]
            values += [Embedding(values=one["embedding"]) for one in answer["data"]]
        return worker_pb2.EmbeddedTexts(embeddings=values, prompt_tokens=tokens)

    async def rank(self, request: worker_pb2.RankDocuments) -> worker_pb2.RankedDocuments:
        """See `Callee`."""
        raise unsupported(RERANK.strip("/"), "it tells no raw scores", model=self.model_id)

    async def render(self, request: Conversation) -> worker_pb2.Prompt:
        """See `Callee`."""
        tokens = await self._rendered(request)
        text = await self.detokenize(worker_pb2.Tokens(tokens=tokens))
        return worker_pb2.Prompt(text=text.text, tokens=tokens)

    async def tokenize(self, request: worker_pb2.TokenizeText) -> worker_pb2.Tokens:
        """See `Callee`."""
        if not request.parse_special and any(
            mark in request.text for mark in self._serving.vocabulary.marks
        ):
            raise unsupported(
                "parse_special", "it reads marks as control tokens", model=self.model_id
            )
        body = {"prompt": request.text, "add_special_tokens": request.add_special}
        tokens: list[int] = (await self._post("/tokenize", body))["tokens"] if request.text else []
        piece = self._serving.vocabulary.piece
        pieces = [piece(token) for token in tokens] if request.with_pieces else []
        return worker_pb2.Tokens(tokens=tokens, pieces=pieces)

    async def detokenize(self, request: worker_pb2.Tokens) -> worker_pb2.Text:
        """See `Callee`. Of the pieces: it would leave out those that it does not know."""
        vocabulary = self._serving.vocabulary
        size = self.ready.vocabulary_size
        for place, token in enumerate(request.tokens):
            if token >= size:
                raise TokenUnknownError(
                    f"the vocabulary has {size} tokens, so there is no token {token}",
                    f"tokens[{place}]",
                    model=self.model_id,
                    vocabulary_size=str(size),
                )
        text = b"".join(map(vocabulary.piece, request.tokens)).decode(errors="replace")
        return worker_pb2.Text(text=text)

    async def run_job(self, job: worker_pb2.Job) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`. It has no jobs: texts are embedded by one call, which tells no progress."""
        if job.WhichOneof("work") != "embed":
            raise unsupported("jobs", "it has no such jobs", model=self.model_id)
        embedded = await self.embed(job.embed)
        yield worker_pb2.JobEvent(result=worker_pb2.JobResult(embed=embedded))

    async def run_live_job(
        self, inputs: AsyncIterator[worker_pb2.LiveInput]
    ) -> AsyncGenerator[worker_pb2.JobEvent]:
        """See `Callee`. It has none."""
        raise unsupported("jobs", "it has no such jobs", model=self.model_id)
        yield worker_pb2.JobEvent()

    async def _told(self, sent: Request) -> AsyncGenerator[SequenceEvent]:
        """The events of a request; the first says that it is in the queue."""
        ends = frozenset(self._serving.served.end_tokens)
        answer = Answer(sent, self._serving.vocabulary.piece, ends.__contains__)
        if not sent.streams:
            yield SequenceEvent()
            for event in answer.take(await self._http.post(sent.path, sent.body)):
                yield self._counted(event)
            return
        async with self._http.stream(sent.path, sent.body) as parts:
            yield SequenceEvent()
            async for part in parts:
                for event in answer.take(part):
                    yield self._counted(event)
                if answer.over:
                    return
        raise WorkerLostError(self.model_id)  # it has not said how it ended

    def _counted(self, event: SequenceEvent) -> SequenceEvent:
        if event.tokens:
            self._observe(Step(), event.tokens)
        return event

    async def _sized(self, submit: Submit) -> tuple[Request, int]:
        """What is sent, and how many messages were left out of it."""
        served = self._serving.served
        sent = request(submit, served)
        if not (submit.conversation.drop_oldest and sent.chats):
            return sent, 0
        if await self._fits(submit.conversation):
            return sent, 0
        found = await fitting(submit.conversation, self._fits)
        if found is None:
            return sent, 0  # it is refused with its length
        shorter, dropped = found
        changed = Submit()
        changed.CopyFrom(submit)
        changed.conversation.CopyFrom(shorter)
        return request(changed, served), dropped

    async def _fits(self, conversation: Conversation) -> bool:
        """Whether there is room for an answer behind it."""
        tokens = await self._rendered(conversation)
        return len(tokens) < self._serving.served.context_length

    async def _rendered(self, conversation: Conversation) -> list[int]:
        if not self._serving.served.can_chat:
            raise ModelCannotChatError(
                f"Model {self.model_id!r} has no chat template.", model=self.model_id
            )
        told = conversations.rendered(conversation, self._serving.served.speech)
        return (await self._post("/tokenize", told))["tokens"]

    async def _refusal(self, refused: RefusedError, sent: Request) -> Exception:
        served = self._serving.served
        if not too_long(refused):
            return await self._why(refused, sent)
        prompt = sent.body.get("prompt")
        if isinstance(prompt, list):
            return prompt_too_long(served, len(prompt))  # type: ignore[arg-type]  # tokens
        names = ("prompt", "messages", "tools", "chat_template_kwargs")
        shape = ("add_generation_prompt", "continue_final_message")
        body = {name: sent.body[name] for name in (*names, *shape) if name in sent.body}
        counted = await self._post("/tokenize", body)
        return prompt_too_long(served, int(counted["count"]))

    async def _why(self, refused: RefusedError, sent: Request | None = None) -> Exception:
        """The error for a refusal. One that breaks down says so once, and then ends: whether it
        did, or met a defect in this call alone, it tells when it is asked how it is."""
        if refused.status >= _BROKEN:
            try:
                await self._http.get("/health")
            except (RefusedError, WorkerLostError):
                return self._ended(WorkerLostError(self.model_id))
        return refusal(refused, self._serving.served, sent)

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        with self._call():
            try:
                return await self._http.post(path, body)
            except RefusedError as refused:
                raise await self._why(refused) from refused

    @contextmanager
    def _call(self) -> Generator[None]:
        """A call that is under way."""
        if self._end_reason is not None:
            raise self._end_reason()
        self._calls += 1
        self._idle.clear()
        self._observe(Step(active_sequences=self._calls), 0)
        try:
            yield
        except WorkerLostError as lost:
            raise self._ended(lost) from lost
        finally:
            self._calls -= 1
            self._observe(Step(active_sequences=self._calls), 0)
            if not self._calls:
                self._idle.set()

    def _ended(self, error: Exception) -> Exception:
        """Why it does not answer: what its end says, if it was asked to end."""
        if isinstance(error, WorkerLostError) and self._end_reason is not None:
            return self._end_reason()
        return error

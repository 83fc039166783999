"""Tasks that ask a model: conversations, texts and vectors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from funland.v1.inference_pb2 import (
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
    GenerationOptions,
)
from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work
from funland_server.inference.domain import Inference
from funland_server.models.domain import Models
from funland_server.models.errors import ModelNotFoundError
from funland_server.tasks.kinds import Checked, Kind, NotHereError, Running

Asked = ChatRequest | GenerateRequest | EmbedRequest
Answer = Callable[[Work, Running], Awaitable[TaskResult]]


class Language:
    """See `Kind`: CHAT, GENERATE or EMBED."""

    lane = Lane.LANGUAGE
    resumes = False

    def __init__(
        self,
        kind: Task.Kind.ValueType,
        asked: Callable[[Work], Asked],
        answer: Answer,
        models: Models,
    ) -> None:
        self.kind = kind
        self._asked = asked
        self._answer = answer
        self._models = models

    async def check(self, work: Work) -> Checked:
        """Raises ModelNotFoundError."""
        return Checked(model=self._models.loader.model_id(self._asked(work).model))

    async def run(self, running: Running) -> TaskResult:
        """Has it answered."""
        work = running.work
        request = self._asked(work)
        request.model = request.model or running.model  # another may be the default by now
        try:
            return await self._answer(work, running)
        except ModelNotFoundError as error:
            raise NotHereError(model=True) from error


def language_kinds(models: Models, inference: Inference) -> list[Kind]:
    """Those that the models of a server answer."""

    async def chat(work: Work, running: Running) -> TaskResult:
        make_way(work.chat)
        made = _progress(work.chat, running)
        return TaskResult(chat=await inference.chat(work.chat, made))

    async def generate(work: Work, running: Running) -> TaskResult:
        make_way(work.generate)
        made = _progress(work.generate, running)
        return TaskResult(generate=await inference.generate(work.generate, made))

    async def embed(work: Work, running: Running) -> TaskResult:
        return TaskResult(embed=await inference.jobs.embed(work.embed, running.progress))

    return [
        Language(Task.CHAT, lambda work: work.chat, chat, models),
        Language(Task.GENERATE, lambda work: work.generate, generate, models),
        Language(Task.EMBED, lambda work: work.embed, embed, models),
    ]


def make_way(request: ChatRequest | GenerateRequest) -> None:
    """Lets live calls go first, unless the caller has said who does."""
    if not request.options.priority:
        request.options.priority = GenerationOptions.LOW


def _progress(
    request: ChatRequest | GenerateRequest, running: Running
) -> Callable[[int], None] | None:
    """What is told how many tokens were made; None where nobody knows how many there may be."""
    if not request.sampling.HasField("max_tokens") or not request.sampling.max_tokens:
        return None
    most = request.sampling.max_tokens * max(request.options.n, 1)
    total = 0

    def made(tokens: int) -> None:
        nonlocal total
        total += tokens
        running.progress(100.0 * total / most)

    return made

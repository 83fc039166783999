"""Asks what a batch's lines ask, as calls that nobody waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from google.protobuf.message import Message

from funland.v1.inference_pb2 import (
    BatchGenerateRequest,
    BatchGenerateResponse,
    ChatRequest,
    ChatResponse,
    EmbedRequest,
    EmbedResponse,
    GenerateRequest,
    GenerateResponse,
    GenerationOptions,
)
from funland.v1.responses_pb2 import CreateResponseRequest, Response
from funland_server.batches.lines import Request
from funland_server.belonging.rows import Owned

Ask = Callable[[Request], Awaitable[Message]]
"""Makes the call that a line asks for; raises FunlandError."""

Check = Callable[[Message], None]
"""Raises FieldInvalidError for a request that breaks a rule of the contract."""


class Models(Protocol):
    """The calls of `InferenceService` that lines make."""

    async def Chat(self, request: ChatRequest) -> ChatResponse:  # noqa: D102 - see inference.proto
        ...

    async def Generate(self, request: GenerateRequest) -> GenerateResponse:  # noqa: D102 - see inference.proto
        ...

    async def BatchGenerate(self, request: BatchGenerateRequest) -> BatchGenerateResponse:  # noqa: D102 - see inference.proto
        ...

    async def Embed(self, request: EmbedRequest) -> EmbedResponse:  # noqa: D102 - see inference.proto
        ...


class Answers(Protocol):
    """The call of `ResponseService` that lines make."""

    async def CreateResponse(self, request: CreateResponseRequest) -> Response:  # noqa: D102 - see responses.proto
        ...


def asking(check: Check, owned: Owned, models: Models, answers: Answers) -> Ask:
    """Makes lines' calls, with the lowest priority, after a look at the contract's rules and at
    whose it is what they name."""

    async def ask(request: Request) -> Message:
        yields(request)
        check(request)
        await owned(request)
        match request:
            case ChatRequest():
                return await models.Chat(request)
            case GenerateRequest():
                return await models.Generate(request)
            case BatchGenerateRequest():
                return await models.BatchGenerate(request)
            case EmbedRequest():
                return await models.Embed(request)
            case CreateResponseRequest():
                return await answers.CreateResponse(request)

    return ask


def yields(request: Request) -> None:
    """Has a request go after all that somebody waits for, whatever its line says."""
    match request:
        case ChatRequest() | GenerateRequest():
            request.options.priority = GenerationOptions.LOW
        case CreateResponseRequest():
            request.chat.options.priority = GenerationOptions.LOW
        case BatchGenerateRequest():
            for one in request.requests:
                one.options.priority = GenerationOptions.LOW
        case EmbedRequest():
            pass  # has none

"""What a model is asked about text, where it neither reads nor writes any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import grpc.aio

from funland.worker.v1 import worker_pb2, worker_pb2_grpc

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class NoText(worker_pb2_grpc.WorkerServiceServicer):
    """Refuses what only models of language do; the server asks none other for it."""

    async def Embed(
        self, request: worker_pb2.EmbedTexts, context: Context
    ) -> worker_pb2.EmbeddedTexts:
        """Is UNIMPLEMENTED."""
        await _refuse(context)

    async def Rank(
        self, request: worker_pb2.RankDocuments, context: Context
    ) -> worker_pb2.RankedDocuments:
        """Is UNIMPLEMENTED."""
        await _refuse(context)

    async def Render(self, request: worker_pb2.Conversation, context: Context) -> worker_pb2.Prompt:
        """Is UNIMPLEMENTED."""
        await _refuse(context)

    async def Tokenize(
        self, request: worker_pb2.TokenizeText, context: Context
    ) -> worker_pb2.Tokens:
        """Is UNIMPLEMENTED."""
        await _refuse(context)

    async def Detokenize(self, request: worker_pb2.Tokens, context: Context) -> worker_pb2.Text:
        """Is UNIMPLEMENTED."""
        await _refuse(context)


async def _refuse(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "The model neither reads nor writes text.")
    raise AssertionError("abort raises")

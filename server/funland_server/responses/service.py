"""`funland.v1.ResponseService`: answers that the server keeps."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from google.protobuf.empty_pb2 import Empty

from funland.v1 import responses_pb2
from funland_server.responses.answering import Responses
from funland_server.responses.store import ResponseStore


class ResponseService:
    """Answers the RPCs of `ResponseService`; see `responses.proto`."""

    def __init__(self, responses: Responses, store: ResponseStore) -> None:
        self._responses = responses
        self._store = store

    async def CreateResponse(
        self, request: responses_pb2.CreateResponseRequest
    ) -> responses_pb2.Response:
        """See `responses.proto`."""
        return await self._responses.whole(request)

    def StreamResponse(
        self, request: responses_pb2.CreateResponseRequest
    ) -> AsyncGenerator[responses_pb2.ResponseEvent]:
        """See `responses.proto`."""
        return self._responses.answer(request)

    async def GetResponse(
        self, request: responses_pb2.GetResponseRequest
    ) -> responses_pb2.Response:
        """See `responses.proto`."""
        return await self._store.get(request.response_id)

    async def ListResponseInput(
        self, request: responses_pb2.ListResponseInputRequest
    ) -> responses_pb2.ListResponseInputResponse:
        """See `responses.proto`."""
        return await self._store.input(request.response_id)

    async def DeleteResponse(self, request: responses_pb2.DeleteResponseRequest) -> Empty:
        """See `responses.proto`."""
        await self._store.remove(request.response_id)
        return Empty()

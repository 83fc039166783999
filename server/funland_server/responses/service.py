"""`funland.v1.ResponseService`: answers that the server keeps."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from google.protobuf.empty_pb2 import Empty

from funland.v1 import responses_pb2
from funland_server.responses.answering import Responses
from funland_server.responses.background import Background
from funland_server.responses.errors import ResponseNotInBackgroundError
from funland_server.responses.store import ResponseStore


class ResponseService:
    """Answers the RPCs of `ResponseService`; see `responses.proto`."""

    def __init__(self, responses: Responses, background: Background, store: ResponseStore) -> None:
        self._responses = responses
        self._background = background
        self._store = store

    async def CreateResponse(
        self, request: responses_pb2.CreateResponseRequest
    ) -> responses_pb2.Response:
        """See `responses.proto`."""
        return await self._responses.create(request)

    def StreamResponse(
        self, request: responses_pb2.CreateResponseRequest
    ) -> AsyncGenerator[responses_pb2.ResponseEvent]:
        """See `responses.proto`."""
        return self._responses.answer(request)

    async def GetResponse(
        self, request: responses_pb2.GetResponseRequest
    ) -> responses_pb2.Response:
        """See `responses.proto`."""
        return self._background.present(await self._store.get(request.response_id))

    async def ListResponses(
        self, request: responses_pb2.ListResponsesRequest
    ) -> responses_pb2.ListResponsesResponse:
        """See `responses.proto`."""
        page = await self._store.page(request)
        for response in page.responses:
            self._background.present(response)
        return page

    async def UpdateResponse(
        self, request: responses_pb2.UpdateResponseRequest
    ) -> responses_pb2.Response:
        """See `responses.proto`."""
        updated = await self._store.update(request.response_id, request.metadata)
        return self._background.present(updated)

    def WatchResponse(
        self, request: responses_pb2.WatchResponseRequest
    ) -> AsyncGenerator[responses_pb2.ResponseEvent]:
        """See `responses.proto`."""
        return self._background.watch(request.response_id, request.after)

    async def CancelResponse(
        self, request: responses_pb2.CancelResponseRequest
    ) -> responses_pb2.Response:
        """See `responses.proto`."""
        await self._background.cancel(request.response_id)
        response = self._background.present(await self._store.get(request.response_id))
        if not response.background:
            raise ResponseNotInBackgroundError(request.response_id)
        return response

    async def ListResponseInput(
        self, request: responses_pb2.ListResponseInputRequest
    ) -> responses_pb2.ListResponseInputResponse:
        """See `responses.proto`."""
        return await self._store.input(request.response_id)

    async def DeleteResponse(self, request: responses_pb2.DeleteResponseRequest) -> Empty:
        """See `responses.proto`."""
        await self._background.cancel(request.response_id)
        await self._store.remove(request.response_id)
        self._background.forget(request.response_id)
        return Empty()

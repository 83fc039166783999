# Generated from ../asynchronous/responses.py by `make client`: edit that one.
"""Answers that the server keeps, so that the next request need name only the one before it."""

# ruff: noqa: A002 - `format` is the contract's name

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, Unpack, overload

from funland.v1.inference_pb2 import Message
from funland.v1.responses_pb2 import (
    CancelResponseRequest,
    DeleteResponseRequest,
    GetResponseRequest,
    ListResponseInputRequest,
    ListResponsesRequest,
    ListResponsesResponse,
    Response,
    UpdateResponseRequest,
    WatchResponseRequest,
)
from funland.v1.responses_pb2_grpc import ResponseServiceStub
from funland_client import requests
from funland_client.arguments import ResponseArguments
from funland_client.blocking.answer_streams import ResponseStream
from funland_client.blocking.connection import Connection
from funland_client.formats import Format, TextFormat
from funland_client.messages import Conversation
from funland_client.parsing import Parsed, Read, with_kind
from funland_client.tools import AnyTool

Messages: TypeAlias = list[Message]  # both classes have a `list` of their own


class Responses:
    """Answers that the server keeps, as `client.responses`.

    The conversation is what is new since `previous_response_id`. `instructions` are for this answer
    alone. `store` false keeps nothing. `metadata` is kept with the response, and `list` finds it by
    that and by its `collection`. One in the `background` is written whether somebody waits or not.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = ResponseServiceStub(connection.channel)

    @overload
    def create(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: type[Read],
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ResponseArguments],
    ) -> Parsed[Response, Read]: ...

    @overload
    def create(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: TextFormat | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ResponseArguments],
    ) -> Response: ...

    def create(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: Format | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ResponseArguments],
    ) -> Response | Parsed[Response, Any]:
        """Answers; returns when the answer is complete, or at once if it is made in the
        background. `format` and `tools`: as in `chat`."""
        request = requests.response(conversation, model, arguments, format=format, tools=tools)
        response = self._connection.call(
            self._stub.CreateResponse, request, once=requests.is_kept(request)
        )
        return with_kind(response, format)

    def stream(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: Format | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ResponseArguments],
    ) -> ResponseStream:
        """As `create`, but gives the text as it comes."""
        request = requests.response(conversation, model, arguments, format=format, tools=tools)
        return ResponseStream(
            self._connection.stream(
                self._stub.StreamResponse, request, once=requests.is_kept(request)
            )
        )

    def watch(self, response_id: str, *, after: int = 0) -> ResponseStream:
        """The text of a response that is made in the background: what was written, then what
        comes. `after` is the `event_number` of a stream that was cut off, to go on from."""
        request = WatchResponseRequest(response_id=response_id, after=after)
        return ResponseStream(
            self._connection.stream(self._stub.WatchResponse, request, endless=True)
        )

    def get(self, response_id: str) -> Response:
        """Gets a response that was kept."""
        request = GetResponseRequest(response_id=response_id)
        return self._connection.call(self._stub.GetResponse, request)

    def list(
        self,
        *,
        collection: str = "",
        model: str = "",
        metadata: Mapping[str, str] | None = None,
        ascending: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> ListResponsesResponse:
        """Gets a page of the responses that are kept, the newest first unless `ascending`. The
        page's `next_page_token` asks for the next."""
        request = ListResponsesRequest(
            collection=collection,
            model=model,
            metadata=metadata,
            ascending=ascending,
            page_size=page_size,
            page_token=page_token,
        )
        return self._connection.call(self._stub.ListResponses, request)

    def list_input(self, response_id: str) -> Messages:
        """Gets the messages of a response's request, oldest first."""
        request = ListResponseInputRequest(response_id=response_id)
        response = self._connection.call(self._stub.ListResponseInput, request)
        return [*response.messages]

    def update(self, response_id: str, metadata: Mapping[str, str]) -> Response:
        """Replaces a response's metadata."""
        request = UpdateResponseRequest(response_id=response_id, metadata=metadata)
        return self._connection.call(self._stub.UpdateResponse, request)

    def cancel(self, response_id: str) -> Response:
        """Ends a response that is made in the background; gives it with what was written."""
        request = CancelResponseRequest(response_id=response_id)
        return self._connection.call(self._stub.CancelResponse, request)

    def delete(self, response_id: str) -> None:
        """Removes a response, and ends it if it is being made."""
        request = DeleteResponseRequest(response_id=response_id)
        self._connection.call(self._stub.DeleteResponse, request, once=True)

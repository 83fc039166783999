"""Answers that the server keeps, so that the next request need name only the one before it."""

# ruff: noqa: A002 - `format` is the contract's name

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack, overload

from funland.v1.inference_pb2 import Message
from funland.v1.responses_pb2 import (
    DeleteResponseRequest,
    GetResponseRequest,
    ListResponseInputRequest,
    Response,
)
from funland.v1.responses_pb2_grpc import ResponseServiceStub
from funland_client import requests
from funland_client.arguments import ChatArguments
from funland_client.connection import AsyncConnection, Connection
from funland_client.formats import Format, TextFormat
from funland_client.messages import Conversation
from funland_client.parsing import Parsed, Read, with_kind
from funland_client.response_streams import AsyncResponseStream, ResponseStream
from funland_client.tools import AnyTool


class Responses:
    """Answers that the server keeps, as `client.responses`.

    The conversation is what is new since `previous_response_id`. `instructions` are for this answer
    alone. `store` false keeps nothing. `metadata` is kept with the response.
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
        previous_response_id: str = "",
        instructions: str = "",
        store: bool = True,
        metadata: Mapping[str, str] | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> Parsed[Response, Read]: ...

    @overload
    def create(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: TextFormat | None = None,
        previous_response_id: str = "",
        instructions: str = "",
        store: bool = True,
        metadata: Mapping[str, str] | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> Response: ...

    def create(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: Format | None = None,
        previous_response_id: str = "",
        instructions: str = "",
        store: bool = True,
        metadata: Mapping[str, str] | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> Response | Parsed[Response, Any]:
        """Answers; returns when the answer is complete. `format` and `tools`: as in `chat`."""
        request = requests.response(
            requests.chat(conversation, model, arguments, format=format, tools=tools),
            previous_response_id=previous_response_id,
            instructions=instructions,
            store=store,
            metadata=metadata,
        )
        response = self._connection.call(self._stub.CreateResponse, request, once=store)
        return with_kind(response, format)

    def stream(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: Format | None = None,
        previous_response_id: str = "",
        instructions: str = "",
        store: bool = True,
        metadata: Mapping[str, str] | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> ResponseStream:
        """As `create`, but gives the text as it comes."""
        request = requests.response(
            requests.chat(conversation, model, arguments, format=format, tools=tools),
            previous_response_id=previous_response_id,
            instructions=instructions,
            store=store,
            metadata=metadata,
        )
        return ResponseStream(
            self._connection.stream(self._stub.StreamResponse, request, once=store)
        )

    def get(self, response_id: str) -> Response:
        """Gets a response that was kept."""
        request = GetResponseRequest(response_id=response_id)
        return self._connection.call(self._stub.GetResponse, request)

    def list_input(self, response_id: str) -> list[Message]:
        """Gets the messages of a response's request, oldest first."""
        request = ListResponseInputRequest(response_id=response_id)
        response = self._connection.call(self._stub.ListResponseInput, request)
        return list(response.messages)

    def delete(self, response_id: str) -> None:
        """Removes a response."""
        request = DeleteResponseRequest(response_id=response_id)
        self._connection.call(self._stub.DeleteResponse, request, once=True)


class AsyncResponses:
    """As `Responses`, on an event loop."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = ResponseServiceStub(connection.channel)

    @overload
    async def create(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: type[Read],
        previous_response_id: str = "",
        instructions: str = "",
        store: bool = True,
        metadata: Mapping[str, str] | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> Parsed[Response, Read]: ...

    @overload
    async def create(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: TextFormat | None = None,
        previous_response_id: str = "",
        instructions: str = "",
        store: bool = True,
        metadata: Mapping[str, str] | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> Response: ...

    async def create(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: Format | None = None,
        previous_response_id: str = "",
        instructions: str = "",
        store: bool = True,
        metadata: Mapping[str, str] | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> Response | Parsed[Response, Any]:
        """Answers; returns when the answer is complete. `format` and `tools`: as in `chat`."""
        request = requests.response(
            requests.chat(conversation, model, arguments, format=format, tools=tools),
            previous_response_id=previous_response_id,
            instructions=instructions,
            store=store,
            metadata=metadata,
        )
        response = await self._connection.call(self._stub.CreateResponse, request, once=store)
        return with_kind(response, format)

    def stream(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: Format | None = None,
        previous_response_id: str = "",
        instructions: str = "",
        store: bool = True,
        metadata: Mapping[str, str] | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> AsyncResponseStream:
        """As `create`, but gives the text as it comes."""
        request = requests.response(
            requests.chat(conversation, model, arguments, format=format, tools=tools),
            previous_response_id=previous_response_id,
            instructions=instructions,
            store=store,
            metadata=metadata,
        )
        return AsyncResponseStream(
            self._connection.stream(self._stub.StreamResponse, request, once=store)
        )

    async def get(self, response_id: str) -> Response:
        """Gets a response that was kept."""
        request = GetResponseRequest(response_id=response_id)
        return await self._connection.call(self._stub.GetResponse, request)

    async def list_input(self, response_id: str) -> list[Message]:
        """Gets the messages of a response's request, oldest first."""
        request = ListResponseInputRequest(response_id=response_id)
        response = await self._connection.call(self._stub.ListResponseInput, request)
        return list(response.messages)

    async def delete(self, response_id: str) -> None:
        """Removes a response."""
        request = DeleteResponseRequest(response_id=response_id)
        await self._connection.call(self._stub.DeleteResponse, request, once=True)

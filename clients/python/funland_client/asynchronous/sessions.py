"""Conversations that the server keeps."""

# ruff: noqa: A002 - `format` is the contract's name

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, Unpack, overload

from funland.v1.sessions_pb2 import (
    CancelMessageRequest,
    DeleteSessionRequest,
    ForkSessionRequest,
    GetMessageRequest,
    GetSessionRequest,
    ListMessagesRequest,
    ListSessionsRequest,
    ListSessionsResponse,
    SendMessageResponse,
    Session,
    SessionEvent,
    SessionMessage,
    WatchSessionRequest,
)
from funland.v1.sessions_pb2_grpc import SessionServiceStub
from funland_client import session_requests
from funland_client.arguments import MessageArguments, SessionArguments, SessionChanges
from funland_client.asynchronous.connection import AsyncConnection
from funland_client.asynchronous.event_streams import AsyncEventStream
from funland_client.asynchronous.session_streams import AsyncMessageStream, AsyncSessionStream
from funland_client.formats import Format, TextFormat
from funland_client.parsing import Parsed, Read, with_kind
from funland_client.session_requests import ExportFormat
from funland_client.shown import Said
from funland_client.tools import AnyTool

Messages: TypeAlias = list[SessionMessage]  # both classes have a `list` of their own


class AsyncSessions:
    """Conversations that the server keeps, as `client.sessions`.

    An answer goes on when its reader goes; `watch` and `converse` take over. A message that is sent
    again with the same `idempotency_key` is said once; one is made up if none is given, so that
    what may pass is tried again.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = SessionServiceStub(connection.channel)

    async def create(
        self,
        model: str = "",
        *,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[SessionArguments],
    ) -> Session:
        """Begins a conversation. `tools`: as in `chat`; nobody but the caller calls them."""
        request = session_requests.create(model, arguments, tools=tools)
        return await self._connection.call(self._stub.CreateSession, request, once=True)

    async def get(self, session_id: str) -> Session:
        """Gets a session, without its messages."""
        request = GetSessionRequest(session_id=session_id)
        return await self._connection.call(self._stub.GetSession, request)

    async def list(
        self,
        query: str = "",
        *,
        tags: Sequence[str] = (),
        model: str = "",
        page_size: int = 0,
        page_token: str = "",
    ) -> ListSessionsResponse:
        """Gets a page of the sessions, those first in which something happened last. The page's
        `next_page_token` asks for the next.

        Only those that have all words of the `query` in what was said, the title or the tags.
        """
        request = ListSessionsRequest(
            query=query, tags=tags, model=model, page_size=page_size, page_token=page_token
        )
        return await self._connection.call(self._stub.ListSessions, request)

    async def update(self, session_id: str, **changes: Unpack[SessionChanges]) -> Session:
        """Changes what a session is called, how it is answered, or which branch goes on."""
        request = session_requests.update(session_id, changes)
        return await self._connection.call(self._stub.UpdateSession, request)

    async def delete(self, session_id: str) -> None:
        """Removes a session with all its messages; an answer under way ends."""
        request = DeleteSessionRequest(session_id=session_id)
        await self._connection.call(self._stub.DeleteSession, request, once=True)

    async def fork(self, session_id: str, message_id: str = "", *, title: str = "") -> Session:
        """Makes a session of its own of the branch that ends with a message; an empty id is the
        last one's."""
        request = ForkSessionRequest(session_id=session_id, message_id=message_id, title=title)
        return await self._connection.call(self._stub.ForkSession, request, once=True)

    async def export(
        self, session_id: str, format: ExportFormat = "json", *, message_id: str = ""
    ) -> str:
        """Gives a session as one document: all of it as JSON, or in Markdown the branch that ends
        with `message_id`."""
        request = session_requests.export(session_id, format, message_id)
        response = await self._connection.call(self._stub.ExportSession, request)
        return response.data.decode()

    async def messages(
        self, session_id: str, message_id: str = "", *, all_branches: bool = False
    ) -> Messages:
        """Gets the messages, oldest first: those of the branch that ends with `message_id`, or with
        the session's head if that is empty, or all."""
        messages: Messages = []
        request = ListMessagesRequest(
            session_id=session_id, message_id=message_id, all_branches=all_branches
        )
        while True:
            page = await self._connection.call(self._stub.ListMessages, request)
            messages.extend(page.messages)
            if not page.next_page_token:
                return messages
            request.page_token = page.next_page_token

    async def message(self, session_id: str, message_id: str) -> SessionMessage:
        """Gets one message, as far as it got."""
        request = GetMessageRequest(session_id=session_id, message_id=message_id)
        return await self._connection.call(self._stub.GetMessage, request)

    @overload
    async def send(
        self,
        session_id: str,
        content: Said = "",
        *,
        format: type[Read],
        **arguments: Unpack[MessageArguments],
    ) -> Parsed[SendMessageResponse, Read]: ...

    @overload
    async def send(
        self,
        session_id: str,
        content: Said = "",
        *,
        format: TextFormat | None = None,
        **arguments: Unpack[MessageArguments],
    ) -> SendMessageResponse: ...

    async def send(
        self,
        session_id: str,
        content: Said = "",
        *,
        format: Format | None = None,
        **arguments: Unpack[MessageArguments],
    ) -> SendMessageResponse | Parsed[SendMessageResponse, Any]:
        """Says something, gives results of tools, or has an answer written again: just one of
        `content`, `tool_results` and `regenerate_message_id`. Returns when the answer is complete.
        `content` may be a list of texts and of what `image` and `audio` give.

        Sampling holds for this answer alone. `format`: as in `chat`.
        """
        request = session_requests.send(session_id, content, arguments, format=format)
        return with_kind(await self._connection.call(self._stub.SendMessage, request), format)

    def stream(
        self,
        session_id: str,
        content: Said = "",
        *,
        format: Format | None = None,
        **arguments: Unpack[MessageArguments],
    ) -> AsyncMessageStream:
        """As `send`, but gives the text as it comes."""
        request = session_requests.send(session_id, content, arguments, format=format)
        return AsyncMessageStream(self._connection.stream(self._stub.StreamMessage, request))

    async def cancel(self, session_id: str, message_id: str) -> SessionMessage:
        """Ends an answer, and gives it as far as it got. One that has ended stays as it is."""
        request = CancelMessageRequest(session_id=session_id, message_id=message_id)
        return await self._connection.call(self._stub.CancelMessage, request)

    def watch(self, session_id: str, *, after: int | None = None) -> AsyncEventStream[SessionEvent]:
        """Gives the session, then what happened after the event of that number, then what happens;
        without a number what is under way, and what happens. Has no timeout."""
        request = WatchSessionRequest(session_id=session_id, after=after)
        return self._connection.stream(self._stub.WatchSession, request, endless=True)

    def converse(self, session_id: str, *, after: int | None = None) -> AsyncSessionStream:
        """Watches a session, and speaks in it while answers come. Has no timeout; `after`: as in
        `watch`."""
        return AsyncSessionStream(self._connection, self._stub.Converse, session_id, after)

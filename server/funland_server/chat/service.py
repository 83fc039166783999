"""`funland.v1.SessionService`: the wire on one side, kept conversations on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from funland.v1 import sessions_pb2
from funland_server.chat.conversing import Conversing
from funland_server.chat.looking_up import LookingUp
from funland_server.chat.managing import Managing
from funland_server.chat.turns import Turns
from funland_server.chat.watching import Watching


class SessionService:
    """Answers the RPCs of `SessionService`; see `sessions.proto`."""

    def __init__(
        self,
        managing: Managing,
        looking_up: LookingUp,
        turns: Turns,
        watching: Watching,
        conversing: Conversing,
    ) -> None:
        self._managing = managing
        self._looking_up = looking_up
        self._turns = turns
        self._watching = watching
        self._conversing = conversing

    async def CreateSession(
        self, request: sessions_pb2.CreateSessionRequest
    ) -> sessions_pb2.Session:
        """See `sessions.proto`."""
        return await self._managing.create(request)

    async def GetSession(self, request: sessions_pb2.GetSessionRequest) -> sessions_pb2.Session:
        """See `sessions.proto`."""
        return await self._looking_up.session(request.session_id)

    async def ListSessions(
        self, request: sessions_pb2.ListSessionsRequest
    ) -> sessions_pb2.ListSessionsResponse:
        """See `sessions.proto`."""
        return await self._looking_up.sessions_page(request)

    async def UpdateSession(
        self, request: sessions_pb2.UpdateSessionRequest
    ) -> sessions_pb2.Session:
        """See `sessions.proto`."""
        return await self._managing.update(request)

    async def DeleteSession(self, request: sessions_pb2.DeleteSessionRequest) -> empty_pb2.Empty:
        """See `sessions.proto`."""
        await self._managing.remove(request.session_id)
        return empty_pb2.Empty()

    async def ForkSession(self, request: sessions_pb2.ForkSessionRequest) -> sessions_pb2.Session:
        """See `sessions.proto`."""
        return await self._managing.fork(request)

    async def ExportSession(
        self, request: sessions_pb2.ExportSessionRequest
    ) -> httpbody_pb2.HttpBody:
        """See `sessions.proto`."""
        return await self._looking_up.document(request)

    async def ListMessages(
        self, request: sessions_pb2.ListMessagesRequest
    ) -> sessions_pb2.ListMessagesResponse:
        """See `sessions.proto`."""
        return await self._looking_up.messages_page(request)

    async def GetMessage(
        self, request: sessions_pb2.GetMessageRequest
    ) -> sessions_pb2.SessionMessage:
        """See `sessions.proto`."""
        return await self._looking_up.message(request.session_id, request.message_id)

    async def SendMessage(
        self, request: sessions_pb2.SendMessageRequest
    ) -> sessions_pb2.SendMessageResponse:
        """See `sessions.proto`."""
        return await self._watching.send(request)

    def StreamMessage(
        self, request: sessions_pb2.SendMessageRequest
    ) -> AsyncGenerator[sessions_pb2.SessionEvent]:
        """See `sessions.proto`."""
        return self._watching.stream(request)

    async def CancelMessage(
        self, request: sessions_pb2.CancelMessageRequest
    ) -> sessions_pb2.SessionMessage:
        """See `sessions.proto`."""
        return await self._turns.cancel(request.session_id, request.message_id)

    def WatchSession(
        self, request: sessions_pb2.WatchSessionRequest
    ) -> AsyncGenerator[sessions_pb2.SessionEvent]:
        """See `sessions.proto`."""
        return self._watching.watch(request)

    def Converse(
        self, requests: AsyncIterator[sessions_pb2.ConverseRequest]
    ) -> AsyncGenerator[sessions_pb2.SessionEvent]:
        """See `sessions.proto`."""
        return self._conversing.converse(requests)

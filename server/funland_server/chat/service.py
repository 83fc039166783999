"""`funland.v1.SessionService`: the wire on one side, kept conversations on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from funland.v1 import sessions_pb2


class SessionService:
    """Answers the RPCs of `SessionService`; see `sessions.proto`."""

    async def CreateSession(
        self, request: sessions_pb2.CreateSessionRequest
    ) -> sessions_pb2.Session:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def GetSession(self, request: sessions_pb2.GetSessionRequest) -> sessions_pb2.Session:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def ListSessions(
        self, request: sessions_pb2.ListSessionsRequest
    ) -> sessions_pb2.ListSessionsResponse:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def UpdateSession(
        self, request: sessions_pb2.UpdateSessionRequest
    ) -> sessions_pb2.Session:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def DeleteSession(self, request: sessions_pb2.DeleteSessionRequest) -> empty_pb2.Empty:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def ForkSession(self, request: sessions_pb2.ForkSessionRequest) -> sessions_pb2.Session:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def ExportSession(
        self, request: sessions_pb2.ExportSessionRequest
    ) -> httpbody_pb2.HttpBody:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def ListMessages(
        self, request: sessions_pb2.ListMessagesRequest
    ) -> sessions_pb2.ListMessagesResponse:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def GetMessage(
        self, request: sessions_pb2.GetMessageRequest
    ) -> sessions_pb2.SessionMessage:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def SendMessage(
        self, request: sessions_pb2.SendMessageRequest
    ) -> sessions_pb2.SendMessageResponse:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def StreamMessage(
        self, request: sessions_pb2.SendMessageRequest
    ) -> AsyncGenerator[sessions_pb2.SessionEvent]:
        """See `sessions.proto`."""
        raise NotImplementedError
        yield  # a stream

    async def CancelMessage(
        self, request: sessions_pb2.CancelMessageRequest
    ) -> sessions_pb2.SessionMessage:
        """See `sessions.proto`."""
        raise NotImplementedError

    async def WatchSession(
        self, request: sessions_pb2.WatchSessionRequest
    ) -> AsyncGenerator[sessions_pb2.SessionEvent]:
        """See `sessions.proto`."""
        raise NotImplementedError
        yield  # a stream

    async def Converse(
        self, requests: AsyncIterator[sessions_pb2.ConverseRequest]
    ) -> AsyncGenerator[sessions_pb2.SessionEvent]:
        """See `sessions.proto`."""
        raise NotImplementedError
        yield  # a stream

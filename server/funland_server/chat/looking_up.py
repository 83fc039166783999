"""Shows sessions and messages as they are now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from google.api.httpbody_pb2 import HttpBody

from funland.v1.sessions_pb2 import (
    ExportSessionRequest,
    ListMessagesRequest,
    ListMessagesResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    Session,
    SessionMessage,
)
from funland_server.chat.open_sessions import OpenSessions
from funland_server.chat.saving import Saving
from funland_server.chat.store import SessionStore
from funland_server.errors import FieldInvalidError, Violation

LARGEST_DOCUMENT: Final = 48 * 1024**2
"""In bytes: what all ways to a caller can carry."""


@dataclass(frozen=True, slots=True)
class LookingUp:
    """What the database has, changed into what is so now."""

    sessions: OpenSessions
    store: SessionStore
    saving: Saving

    async def session(self, session_id: str) -> Session:
        """A session; raises SessionNotFoundError."""
        return self.sessions.present(await self.store.get(session_id))

    async def sessions_page(self, request: ListSessionsRequest) -> ListSessionsResponse:
        """See `pages.page`."""
        page = await self.store.page(request)
        for session in page.sessions:
            self.sessions.present(session)
        return page

    async def message(self, session_id: str, message_id: str) -> SessionMessage:
        """A message; raises SessionNotFoundError or MessageNotFoundError."""
        return self.saving.present(await self.store.message(session_id, message_id))

    async def messages_page(self, request: ListMessagesRequest) -> ListMessagesResponse:
        """See `reading.page`."""
        page = await self.store.messages(request)
        for message in page.messages:
            self.saving.present(message)
        return page

    async def document(self, request: ExportSessionRequest) -> HttpBody:
        """See `SessionService.ExportSession`.

        Raises:
            SessionNotFoundError, MessageNotFoundError: It is not kept.
            FieldInvalidError: The document would be larger than LARGEST_DOCUMENT.
        """
        # json_format and the rest of it are for who exports, and few do.
        from funland_server.chat import exporting  # noqa: PLC0415 - as above

        markdown = request.format == ExportSessionRequest.MARKDOWN
        if markdown:
            found = await self.store.branch(request.session_id, request.message_id)
        else:
            found = await self.store.whole(request.session_id)
        session = self.sessions.present(found.session)
        messages = [self.saving.present(message) for message in found.branch]
        if markdown:
            kind, make = "text/markdown; charset=utf-8", exporting.as_markdown
        else:
            kind, make = "application/json", exporting.as_json
        data = await asyncio.to_thread(make, session, messages)
        if len(data) > LARGEST_DOCUMENT:
            what = "is no form for so large a session; list its messages instead"
            raise FieldInvalidError([Violation("format", what)])
        return HttpBody(content_type=kind, data=data)

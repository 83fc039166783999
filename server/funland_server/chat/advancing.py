"""Keeps calls that the server made for an answer, with what came of them, and begins the next
answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from funland.v1.sessions_pb2 import SendMessageRequest, SessionEvent, SessionMessage, ToolResult
from funland_server.chat import adding
from funland_server.chat.answer import Answer
from funland_server.chat.ids import new_message_id
from funland_server.chat.open_session import OpenSession
from funland_server.chat.saving import Saving
from funland_server.chat.store import SessionStore
from funland_server.chat.writing import Writing
from funland_server.storage.waiting_out import wait_out


async def advance(
    session: OpenSession, writing: Writing, store: SessionStore, saving: Saving
) -> None:
    """Has the calls of an answer be messages of the branch, and the next answer be the one that is
    written. It comes to its end if it is cancelled.

    Raises:
        StorageFullError, StorageUnavailableError: The answer is the one that is written.
    """
    advancing = asyncio.create_task(_advance(session, writing, store, saving))
    if (told := await wait_out(advancing)) is not None:
        advancing.exception()  # asyncio would report that nobody asked
        raise told
    advancing.result()


async def _advance(
    session: OpenSession, writing: Writing, store: SessionStore, saving: Saving
) -> None:
    asked = writing.answer
    async with session.changing:
        results, rest = asked.ask()
        told_end = asked.tell_end(session.journal.last + 1)
        await saving.end(asked)
        request = SendMessageRequest(
            session_id=session.session_id,
            after_message_id=asked.message_id,
            tool_results=[
                ToolResult(tool_call_id=one.call.id, name=one.call.name, content=one.text)
                for one in results
            ],
        )
        begun = await store.begin(request, new_message_id, session.journal.last + 1)
        answer = Answer.after(asked, begun.messages[-1], rest)
        saving.begin(answer)
        asked.shown = True
        # Before anybody hears that an answer has ended which is not the last.
        whole = replace(writing.begun, messages=_with(writing.begun, begun))
        writing.go_on(answer, whole, (message.message_id for message in begun.messages))
        session.reserved = session.journal.last + 1 + len(begun.messages) + adding.BLOCK
        session.tell(told_end)
        for message in begun.messages:
            session.tell(SessionEvent(message_id=message.message_id, message=message))


def _with(before: adding.Begun, now: adding.Begun) -> tuple[SessionMessage, ...]:
    """What was said, and the answer that is written now."""
    return (*before.messages[:-1], now.messages[-1])

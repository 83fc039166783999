"""Tells people how kept conversations are: in a list, and turn by turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import Session, SessionMessage
from funland_cli.views import ago, word

COLUMNS: Final = ("SESSION", "TITLE", "MODEL", ">MESSAGES", "TAGS", "LAST")

_TITLE_WIDTH: Final = 48

_ENDS: Final = {
    SessionMessage.IN_PROGRESS: "it goes on",
    SessionMessage.INCOMPLETE: "cut off by its length",
    SessionMessage.CANCELLED: "stopped",
    SessionMessage.FAILED: "failed",
    SessionMessage.CUT_OFF: "cut off by the end of the server",
}


def row(session: Session, now: datetime) -> tuple[str, ...]:
    """A session in a list of them."""
    title = " ".join(session.title.split())
    return (
        session.session_id,
        title if len(title) <= _TITLE_WIDTH else f"{title[: _TITLE_WIDTH - 1]}…",
        session.model,
        str(session.message_count),
        ", ".join(session.tags),
        "now" if session.state == Session.ANSWERING else ago(session.update_time, now),
    )


def about(session: Session, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a session but its messages, by name; what is not known is empty."""
    yield "session", session.session_id
    yield "title", session.title
    yield "tags", ", ".join(session.tags)
    yield "model", session.model
    yield "devices", ", ".join(session.device_ids)
    yield "instructions", session.system_message
    yield "state", word(Session.State, session.state)
    yield "too long", word(Session.Overflow, session.overflow)
    yield "when busy", word(Session.WhenBusy, session.when_busy)
    yield "messages", f"{session.message_count} on all branches"
    yield "begun", ago(session.create_time, now)
    yield "last", ago(session.update_time, now)
    yield "forked from", session.forked_from.session_id


def turn(message: SessionMessage) -> Iterator[tuple[str, str]]:
    """The lines of a message, each with its style: who speaks, and what is said."""
    said = message.message
    head = [said.name or word(Message.Role, said.role), message.message_id]
    if (others := len(message.sibling_message_ids)) > 1:
        place = [*message.sibling_message_ids].index(message.message_id) + 1
        head.append(f"{place} of {others}")
    if message.state in _ENDS:
        told = _ENDS[message.state]
        head.append(f"{told}: {message.error.message}" if message.HasField("error") else told)
    yield " · ".join(filter(None, head)), "dim"
    for call in said.tool_calls:
        yield f"{call.name}({call.arguments})", ""
    if said.content:
        yield said.content, ""

"""Sessions and messages as rows, and back."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement

from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import Session, SessionMessage
from funland_server.chat.tables import AnyRow, messages
from funland_server.chat.words import folded, said_in

_OF_SESSION: Final = (
    "session_id", "model", "state", "head_message_id", "message_count", "create_time",
    "update_time", "last_event",
)  # fmt: skip
_OF_MESSAGE: Final = (
    "message_id", "session_id", "parent_message_id", "sibling_message_ids", "message", "state",
)  # fmt: skip

MESSAGE: Final[tuple[ColumnElement[Any], ...]] = (
    messages.c.message_id, messages.c.session_id, messages.c.place, messages.c.parent,
    messages.c.state, messages.c.event, messages.c.message, messages.c.said,
)  # fmt: skip
"""The columns that `message_of` needs."""


def session_values(session: Session, beginning: str) -> dict[str, Any]:
    """What the columns have of a session that can be changed, but for `head` and what counts."""
    rest = Session()
    rest.CopyFrom(session)
    for field in _OF_SESSION:
        rest.ClearField(field)
    return {
        "model": session.model,
        "words": folded(session.title or beginning, *session.tags),
        "session": rest.SerializeToString(),
    }


def session_of(row: AnyRow) -> Session:
    """The session of a row, IDLE, with the title that it was given."""
    session = Session.FromString(row.session)
    session.session_id = row.session_id
    session.model = row.model
    session.state = Session.IDLE
    session.head_message_id = row.head
    session.message_count = row.messages
    session.last_event = row.last_event
    session.create_time.FromMicroseconds(row.create_time)
    session.update_time.FromMicroseconds(row.update_time)
    return session


def message_values(message: SessionMessage) -> dict[str, Any]:
    """What the columns have of a message that can change while it is written."""
    rest = SessionMessage()
    rest.CopyFrom(message)
    for field in _OF_MESSAGE:
        rest.ClearField(field)
    return {
        "state": message.state,
        "words": words(message.message, message.state),
        "message": rest.SerializeToString(),
        "said": message.message.SerializeToString(),
    }


def words(said: Message, state: SessionMessage.State.ValueType) -> str:
    """What a message is found by: nothing as long as it is written."""
    return "" if state == SessionMessage.IN_PROGRESS else folded(said_in(said))


def message_of(row: AnyRow) -> SessionMessage:
    """The message of a row, without its siblings."""
    message = SessionMessage.FromString(row.message)
    message.message_id = row.message_id
    message.session_id = row.session_id
    message.parent_message_id = row.parent
    message.state = row.state
    message.message.ParseFromString(row.said)
    return message


def message_row(message: SessionMessage, place: int, *, event: int, home_id: str) -> dict[str, Any]:
    """A new message's row; `event` is the number of the event that tells it, and `home_id` whose
    server writes it."""
    return {
        **message_values(message),
        "message_id": message.message_id,
        "session_id": message.session_id,
        "place": place,
        "parent": message.parent_message_id,
        "event": event,
        "idempotency_key": None,
        "home_id": home_id,
    }


def present(row: AnyRow) -> Session:
    """The session of a row as callers see it."""
    return titled(session_of(row), row.beginning)


def titled(session: Session, first: str) -> Session:
    """A session with the title that it has, given or not."""
    session.title = session.title or first
    return session

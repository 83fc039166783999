"""The tables of sessions and their messages, as the migrations make them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    text,
)

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

AnyRow = Row[*tuple[Any, ...]]

unfinished: Final = text("state = 1")
"""Whether a message of a row is IN_PROGRESS, in the words of the index for it: those who ask
otherwise read the whole table."""

sessions = Table(
    "sessions",
    schema,
    Column("session_id", AnyText, primary_key=True),
    Column("create_time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    Column("model", AnyText, nullable=False),
    Column("head", AnyText, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("last_event", BigInteger, nullable=False),
    Column("beginning", AnyText, nullable=False),
    Column("words", AnyText, nullable=False),
    Column("session", LargeBinary, nullable=False),
    # It has all that a page is chosen by, but for words.
    Index("sessions_by_time", "update_time", "session_id", "model"),
)

session_tags = Table(
    "session_tags",
    schema,
    Column(
        "session_id",
        AnyText,
        ForeignKey(sessions.c.session_id, ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("tag", AnyText, primary_key=True),
    Index("session_tags_by_tag", "tag", "session_id"),
)

messages = Table(
    "session_messages",
    schema,
    Column("message_id", AnyText, primary_key=True),
    Column(
        "session_id",
        AnyText,
        ForeignKey(sessions.c.session_id, ondelete="CASCADE"),
        nullable=False,
    ),
    Column("place", Integer, nullable=False),
    Column("parent", AnyText, nullable=False),
    Column("state", Integer, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("idempotency_key", AnyText),
    Column("words", AnyText, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("said", LargeBinary, nullable=False),
    Column("home_id", Text, nullable=False, server_default=text("''")),
    Index("session_messages_by_place", "session_id", "place", unique=True),
    Index("session_messages_by_parent", "session_id", "parent", "place"),
    Index("session_messages_by_key", "session_id", "idempotency_key", unique=True),
    # PostgreSQL's is as partial, by its revision: who says so here imports that dialect.
    Index("session_messages_unfinished", "session_id", "message_id", sqlite_where=unfinished),
)

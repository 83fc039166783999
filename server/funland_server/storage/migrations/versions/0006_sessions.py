"""Conversations that are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the tables of sessions and their messages."""
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Text, primary_key=True),
        # Microseconds since 1970, as all times.
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        # The last message of the branch that goes on; empty: none.
        sa.Column("head", sa.Text, nullable=False),
        # How many messages it has, and so the place of the latest.
        sa.Column("messages", sa.Integer, nullable=False),
        # No event has had a higher number, nor may one before this is raised.
        sa.Column("last_event", sa.BigInteger, nullable=False),
        # Of what was said first, for a session without a title.
        sa.Column("beginning", sa.Text, nullable=False),
        # Title and tags, to be searched.
        sa.Column("words", sa.Text, nullable=False),
        # funland.v1.Session, without what is in other columns.
        sa.Column("session", sa.LargeBinary, nullable=False),
    )
    op.create_index("sessions_by_time", "sessions", ["update_time", "session_id", "model"])
    op.create_table(
        "session_tags",
        _of_session(primary_key=True),
        sa.Column("tag", sa.Text, primary_key=True),
    )
    op.create_index("session_tags_by_tag", "session_tags", ["tag", "session_id"])
    op.create_table(
        "session_messages",
        sa.Column("message_id", sa.Text, primary_key=True),
        _of_session(nullable=False),
        # From 1, in the order in which they came.
        sa.Column("place", sa.Integer, nullable=False),
        # The message that it follows; empty: none.
        sa.Column("parent", sa.Text, nullable=False),
        # funland.v1.SessionMessage.State, by its number.
        sa.Column("state", sa.Integer, nullable=False),
        # The number of the latest event that told the whole message.
        sa.Column("event", sa.BigInteger, nullable=False),
        # The caller's word for it.
        sa.Column("idempotency_key", sa.Text),
        # What is said, to be searched. Before what is long, which a search then need not read.
        sa.Column("words", sa.Text, nullable=False),
        # funland.v1.SessionMessage, without what is in other columns.
        sa.Column("message", sa.LargeBinary, nullable=False),
        # funland.v1.Message.
        sa.Column("said", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "session_messages_by_place", "session_messages", ["session_id", "place"], unique=True
    )
    op.create_index(
        "session_messages_by_parent", "session_messages", ["session_id", "parent", "place"]
    )
    op.create_index(
        "session_messages_by_key",
        "session_messages",
        ["session_id", "idempotency_key"],
        unique=True,
    )
    # IN_PROGRESS: few at any time.
    few = sa.text("state = 1")
    op.create_index(
        "session_messages_unfinished", "session_messages", ["session_id", "message_id"],
        sqlite_where=few, postgresql_where=few,
    )  # fmt: skip


def _of_session(*, primary_key: bool = False, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(
        "session_id",
        sa.Text,
        sa.ForeignKey("sessions.session_id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=nullable and not primary_key,
    )

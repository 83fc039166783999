"""The tables of tasks, as the migrations make them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    func,
    select,
    text,
)

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

AnyRow = Row[*tuple[Any, ...]]

# In the words of the indexes for them: those who ask otherwise read the whole table.
pending: Final = text("state = 1")
"""Whether a task of a row is PENDING."""
ready: Final = text("state = 1 AND delayed = 0")
"""Whether it waits for nothing but its turn."""
delayed: Final = text("state = 1 AND delayed = 1")
"""Whether it waits for a time."""
has_deadline: Final = text("state = 1 AND deadline IS NOT NULL")
"""Whether it waits, and not for ever."""
processing: Final = text("state = 2")
"""Whether it is PROCESSING."""
completed: Final = text("state = 3")
"""Whether it is COMPLETED."""
expires: Final = text("expire_time IS NOT NULL")
"""Whether it has ended, and is forgotten some time."""
has_key: Final = text("idempotency_key IS NOT NULL")
"""Whether it was submitted with a key."""

tasks = Table(
    "tasks",
    schema,
    Column("task_id", AnyText, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("home_id", Text),
    Column("kind", Integer, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("state", Integer, nullable=False),
    Column("delayed", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("turn", BigInteger, nullable=False),
    Column("caller", AnyText, nullable=False),
    Column("model", AnyText, nullable=False),
    Column("start_time", BigInteger),
    Column("ready_time", BigInteger, nullable=False),
    Column("begin_time", BigInteger),
    Column("end_time", BigInteger),
    Column("deadline", BigInteger),
    Column("expire_time", BigInteger),
    Column("retention_seconds", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("lacked_by", Text, nullable=False),
    Column("owner", Text),
    Column("cancelling", Integer, nullable=False),
    Column("progress_percent", Float),
    Column("progress_text", AnyText, nullable=False),
    Column("error", LargeBinary),
    Column("metadata", LargeBinary, nullable=False),
    Column("idempotency_key", AnyText),
    Column("revision", BigInteger, nullable=False),
    Column("work", LargeBinary),
    # PostgreSQL's are as partial, by their revision: who says so here imports that dialect.
    Index("tasks_ready", "lane", "rank", "turn", "number", sqlite_where=ready),
    Index("tasks_of_callers", "lane", "rank", "caller", "turn", sqlite_where=pending),
    Index("tasks_delayed", "ready_time", sqlite_where=delayed),
    Index("tasks_due", "deadline", sqlite_where=has_deadline),
    Index("tasks_running", "owner", "lane", sqlite_where=processing),
    Index("tasks_ended", "lane", "end_time", sqlite_where=completed),
    Index("tasks_expiring", "expire_time", sqlite_where=expires),
    Index("tasks_by_number", "number", "task_id"),
    Index(
        "tasks_by_key", "caller", "idempotency_key", unique=True,
        sqlite_where=has_key,
    ),
)  # fmt: skip

task_works = Table(
    "task_works",
    schema,
    Column("task_id", AnyText, primary_key=True),
    Column("work", LargeBinary, nullable=False),
)

work: Final = func.coalesce(
    tasks.c.work,
    select(task_works.c.work).where(task_works.c.task_id == tasks.c.task_id).scalar_subquery(),
)
"""What a task of a row is to do: it is in one of two places."""

shown: Final = [column for column in tasks.c if column is not tasks.c.work]
"""What is told of a task in a list."""

task_results = Table(
    "task_results",
    schema,
    Column("task_id", AnyText, primary_key=True),
    Column("result", LargeBinary, nullable=False),
)

task_parts = Table(
    "task_parts",
    schema,
    Column("task_id", AnyText, primary_key=True),
    # From 0, as the work has them.
    Column("number", Integer, primary_key=True, autoincrement=False),
    # funland.v1.SynthesizeResult.
    Column("outcome", LargeBinary, nullable=False),
)

task_webhooks = Table(
    "task_webhooks",
    schema,
    Column("task_id", AnyText, primary_key=True),
    Column("url", AnyText, nullable=False),
    Column("secret", AnyText, nullable=False),
    Column("state", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_time", BigInteger),
    Column("last_error", AnyText, nullable=False),
    Column("owner", Text),
    Index("task_webhooks_due", "next_time", sqlite_where=text("state = 2")),
)

task_servers = Table(
    "task_servers",
    schema,
    Column("server_id", Text, primary_key=True),
    Column("home_id", Text, nullable=False),
    Column("beats", BigInteger, nullable=False),
    Column("kinds", Text, nullable=False),
)

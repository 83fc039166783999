"""Work that nobody waits for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Makes the tables of tasks, and of the servers that share them."""
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.Text, primary_key=True),
        # When it was submitted, in microseconds since 1970, as all times; ascending in a server.
        sa.Column("number", sa.BigInteger, nullable=False),
        # The only home that can do it; null: any.
        sa.Column("home_id", sa.Text),
        # funland.v1.Task.Kind, Lane.Name and Task.State, by their numbers.
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        # Whether it waits for `ready_time`: 1, or 0.
        sa.Column("delayed", sa.Integer, nullable=False),
        # The priority, negative: the least goes first.
        sa.Column("rank", sa.Integer, nullable=False),
        # Among those of a rank: callers take turns.
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        # As it was asked for; `ready_time` is also when it is tried again.
        sa.Column("start_time", sa.BigInteger),
        sa.Column("ready_time", sa.BigInteger, nullable=False),
        sa.Column("begin_time", sa.BigInteger),
        sa.Column("end_time", sa.BigInteger),
        sa.Column("deadline", sa.BigInteger),
        sa.Column("expire_time", sa.BigInteger),
        # For how long it is kept after its end; 0: as the setting says then.
        sa.Column("retention_seconds", sa.BigInteger, nullable=False),
        # How often it was begun, failed for what may pass, and lost its server in a row.
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("losses", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        # The homes whose servers could not do it, parted by blanks.
        sa.Column("lacked_by", sa.Text, nullable=False),
        # The server that runs it; null: none does.
        sa.Column("owner", sa.Text),
        # Whether whoever runs it is to end it: 1, or 0.
        sa.Column("cancelling", sa.Integer, nullable=False),
        sa.Column("progress_percent", sa.Float),
        sa.Column("progress_text", sa.Text, nullable=False),
        # funland.v1.Error.
        sa.Column("error", sa.LargeBinary),
        # funland.v1.Task with `metadata` alone.
        sa.Column("metadata", sa.LargeBinary, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("revision", sa.BigInteger, nullable=False),
        # funland.v1.Work; null: it is long, and in a table of its own.
        sa.Column("work", sa.LargeBinary),
    )
    _index("tasks_ready", "lane", "rank", "turn", "number", where="state = 1 AND delayed = 0")
    _index("tasks_of_callers", "lane", "rank", "caller", "turn", where="state = 1")
    _index("tasks_delayed", "ready_time", where="state = 1 AND delayed = 1")
    _index("tasks_due", "deadline", where="state = 1 AND deadline IS NOT NULL")
    _index("tasks_running", "owner", "lane", where="state = 2")
    _index("tasks_ended", "lane", "end_time", where="state = 3")
    _index("tasks_expiring", "expire_time", where="expire_time IS NOT NULL")
    op.create_index("tasks_by_number", "tasks", ["number", "task_id"])
    op.create_index(
        "tasks_by_key", "tasks", ["caller", "idempotency_key"], unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )  # fmt: skip
    # Apart from the tasks, which change often: these may be long.
    op.create_table(
        "task_works",
        sa.Column("task_id", sa.Text, primary_key=True),
        # funland.v1.Work.
        sa.Column("work", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "task_results",
        sa.Column("task_id", sa.Text, primary_key=True),
        # funland.v1.TaskResult.
        sa.Column("result", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "task_webhooks",
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        # Empty: that of the settings.
        sa.Column("secret", sa.Text, nullable=False),
        # funland.v1.WebhookDelivery.State, by its number.
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_time", sa.BigInteger),
        sa.Column("last_error", sa.Text, nullable=False),
        # The server that tells it; nobody else does before `next_time`.
        sa.Column("owner", sa.Text),
    )
    # SENDING: few at any time.
    few = sa.text("state = 2")
    op.create_index(
        "task_webhooks_due", "task_webhooks", ["next_time"],
        sqlite_where=few, postgresql_where=few,
    )  # fmt: skip
    op.create_table(
        "task_servers",
        # One start of a server.
        sa.Column("server_id", sa.Text, primary_key=True),
        sa.Column("home_id", sa.Text, nullable=False),
        # Rises as long as it lives.
        sa.Column("beats", sa.BigInteger, nullable=False),
        # The kinds of tasks that it knows: their numbers, parted by commas.
        sa.Column("kinds", sa.Text, nullable=False),
    )


def _index(name: str, *columns: str, where: str) -> None:
    only = sa.text(where)
    op.create_index(name, "tasks", columns, sqlite_where=only, postgresql_where=only)

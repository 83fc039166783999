"""Training runs and their steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Makes the tables of training."""
    op.create_table(
        "training_runs",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("home_id", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("rows_sha256", sa.Text, nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("run", sa.LargeBinary, nullable=False),
    )
    op.create_index("training_runs_of_owners", "training_runs", ["owner_id", "number"])
    op.create_index("training_runs_of_projects", "training_runs", ["project_id", "number"])
    op.create_index("training_runs_of_models", "training_runs", ["model_id", "number"])
    op.create_index("training_runs_by_state", "training_runs", ["home_id", "state"])
    op.create_table(
        "training_steps",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("figures", sa.LargeBinary, nullable=False),
    )

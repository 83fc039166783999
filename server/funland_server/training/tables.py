"""The tables of training runs, as the migrations make them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

training_runs = Table(
    "training_runs",
    schema,
    Column("run_id", AnyText, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    # Which home has its rows and checkpoints: servers may share a database.
    Column("home_id", Text, nullable=False),
    # Empty: nobody's.
    Column("owner_id", AnyText, nullable=False),
    # Empty: none.
    Column("project_id", AnyText, nullable=False),
    Column("model_id", AnyText, nullable=False),
    Column("task_id", Text, nullable=False),
    # funland.v1.TrainingRun.State.
    Column("state", Integer, nullable=False),
    # The SHA-256 of the rows that it learns.
    Column("rows_sha256", Text, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    # funland.v1.TrainingRun.
    Column("run", LargeBinary, nullable=False),
    Index("training_runs_of_owners", "owner_id", "number"),
    Index("training_runs_of_projects", "project_id", "number"),
    Index("training_runs_of_models", "model_id", "number"),
    Index("training_runs_by_state", "home_id", "state"),
)

training_steps = Table(
    "training_steps",
    schema,
    Column("run_id", AnyText, primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    # funland.v1.TrainingStep.
    Column("figures", LargeBinary, nullable=False),
)

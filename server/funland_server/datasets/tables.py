"""The tables of datasets, as the migrations make them. Times are microseconds since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

datasets = Table(
    "datasets",
    schema,
    Column("dataset_id", AnyText, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    # Whose server reads it: servers may share a database.
    Column("home_id", Text, nullable=False),
    Column("owner_id", AnyText, nullable=False),
    # Empty: none.
    Column("project_id", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("description", AnyText, nullable=False),
    # funland.v1.Dataset.Status.
    Column("status", Integer, nullable=False),
    # funland.v1.Error of the last reading. Empty: none.
    Column("error", LargeBinary, nullable=False),
    # funland.v1.DatasetSource of what is being read. Empty: nothing is.
    Column("source", LargeBinary, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("datasets_of_owners", "owner_id", "number"),
    Index("datasets_of_projects", "project_id", "number"),
    Index("datasets_by_status", "home_id", "status", "number"),
)

dataset_versions = Table(
    "dataset_versions",
    schema,
    Column("dataset_id", AnyText, primary_key=True),
    Column("version", Integer, primary_key=True),
    # Who has the rows.
    Column("home_id", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    # funland.v1.DatasetVersion.
    Column("about", LargeBinary, nullable=False),
    Index("dataset_versions_by_home", "home_id"),
)

dataset_tokens = Table(
    "dataset_tokens",
    schema,
    Column("dataset_id", AnyText, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("model_sha256", Text, primary_key=True),
    # funland.v1.DatasetTokens.
    Column("counts", LargeBinary, nullable=False),
)

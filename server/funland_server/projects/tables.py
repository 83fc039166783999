"""The tables of projects, as the migrations make them. Times are microseconds since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

projects = Table(
    "projects",
    schema,
    Column("project_id", AnyText, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("name", AnyText, nullable=False),
    Column("description", AnyText, nullable=False),
    # Empty: nobody, for accounts were off.
    Column("owner_id", AnyText, nullable=False),
    # funland.v1.Project.Status.
    Column("status", Integer, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
)

project_members = Table(
    "project_members",
    schema,
    Column("project_id", AnyText, primary_key=True),
    Column("user_id", AnyText, primary_key=True),
    # funland.v1.ProjectMember.Role.
    Column("role", Integer, nullable=False),
    # In the order in which they came.
    Column("place", BigInteger, nullable=False),
    Index("projects_of_members", "user_id", "project_id"),
)

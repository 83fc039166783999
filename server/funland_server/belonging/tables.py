"""The table of what belongs to whom, as the migrations make it."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

belongings = Table(
    "belongings",
    schema,
    # belonging.rows.Thing.
    Column("thing", Integer, primary_key=True, autoincrement=False),
    Column("thing_id", AnyText, primary_key=True),
    Column("user_id", AnyText, nullable=False),
    Index("belongings_of_users", "user_id", "thing", "thing_id"),
)

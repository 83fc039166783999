"""The tables of files, as the migrations make them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text, text

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

uploads = Table(
    "uploads",
    schema,
    Column("upload_id", AnyText, primary_key=True),
    # Who has the content.
    Column("home_id", Text, nullable=False),
    Column("owner_id", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("purpose", AnyText, nullable=False),
    Column("media_type", AnyText, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("retention_seconds", BigInteger, nullable=False),
    # What is on the disk for good.
    Column("bytes_there", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    # When something came last.
    Column("news_time", BigInteger, nullable=False),
    # The file that was made of it. Empty: none yet.
    Column("file_id", AnyText, nullable=False),
    Index("uploads_by_home", "home_id", "news_time"),
)

files = Table(
    "files",
    schema,
    Column("file_id", AnyText, primary_key=True),
    # Who has the content: servers may share a database.
    Column("home_id", Text, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("purpose", AnyText, nullable=False),
    Column("media_type", AnyText, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    # Null: never.
    Column("expire_time", BigInteger),
    # Empty: a caller gave it.
    Column("task_id", AnyText, nullable=False),
    Index("files_by_time", "create_time", "file_id"),
    Index("files_by_purpose", "purpose", "create_time", "file_id"),
    Index("files_by_home", "home_id", "expire_time"),
    # PostgreSQL's is as partial, by its revision: who says so here imports that dialect.
    Index("files_of_tasks", "task_id", sqlite_where=text("task_id <> ''")),
)

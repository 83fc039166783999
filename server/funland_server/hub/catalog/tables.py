"""The local catalog's tables."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)  # fmt: skip

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

KEY: Final = BigInteger().with_variant(Integer, "sqlite")
"""Of SQLite, only an INTEGER is the number of its row."""

models = Table(
    "hub_models",
    schema,
    Column("id", KEY, primary_key=True),
    Column("hub", Integer, nullable=False),
    Column("model_id", AnyText, nullable=False),
    Column("owner", AnyText, nullable=False),
    Column("model_type", AnyText, nullable=False),
    Column("formats", Integer, nullable=False),
    Column("quantizations", Text, nullable=False, server_default=text("''")),
    Column("downloads", BigInteger, nullable=False),
    Column("likes", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    Column("known_time", BigInteger, nullable=False),
    Column("model", LargeBinary, nullable=False),
    Index("hub_models_by_id", "hub", "model_id", unique=True),
    # With all that is searched by beside words.
    Index(
        "hub_models_by_downloads",
        "downloads",
        "id",
        "hub",
        "formats",
        "model_type",
        "owner",
    ),
    Index("hub_models_by_likes", "likes", "id"),
    Index("hub_models_by_time", "update_time", "id"),
)

listings = Table(
    "hub_listings",
    schema,
    Column("id", KEY, ForeignKey(models.c.id, ondelete="CASCADE"), primary_key=True),
    Column("revision", AnyText, nullable=False),
    Column("listed_time", BigInteger, nullable=False),
    Column("quantization", AnyText, nullable=False),
    Column("files", LargeBinary, nullable=False),
)

favorites = Table(
    "hub_favorites",
    schema,
    Column("hub", Integer, primary_key=True, autoincrement=False),
    Column("model_id", AnyText, primary_key=True),
    Column("create_time", BigInteger, nullable=False),
)

syncs = Table(
    "hub_syncs",
    schema,
    Column("hub", Integer, primary_key=True, autoincrement=False),
    Column("sync_time", BigInteger),
    Column("begin_time", BigInteger),
    Column("cursor", AnyText, nullable=False, server_default=text("''")),
    Column("models", Integer, nullable=False, server_default=text("0")),
)

WORDS: Final = "hub_words"
"""The index of words, which each database has in its own way: see `index.py`."""

Values = dict[str, Any]

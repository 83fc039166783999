"""The tables of accounts, as the migrations make them. Times are microseconds since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

users = Table(
    "users",
    schema,
    Column("user_id", AnyText, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("username", AnyText, nullable=False),
    # The same without regard to case: there is one user of a name, however it is written.
    Column("folded", AnyText, nullable=False, unique=True),
    Column("email", AnyText, nullable=False),
    # funland.v1.User.Role.
    Column("role", Integer, nullable=False),
    Column("is_active", Integer, nullable=False),
    # As argon2 writes it. Empty: none.
    Column("password_hash", Text, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    # Null: never.
    Column("login_time", BigInteger),
)

logins = Table(
    "logins",
    schema,
    Column("login_id", Text, primary_key=True),
    Column("user_id", AnyText, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=False),
    Index("logins_of_users", "user_id"),
    Index("logins_by_end", "expire_time"),
)

refresh_tokens = Table(
    "refresh_tokens",
    schema,
    # Its SHA-256: who reads the table has no token.
    Column("hash", Text, primary_key=True),
    Column("login_id", Text, nullable=False),
    # Null: it still counts.
    Column("use_time", BigInteger),
    Index("refresh_tokens_of_logins", "login_id"),
)

access_keys = Table(
    "access_keys",
    schema,
    Column("key_id", AnyText, primary_key=True),
    Column("user_id", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    # Its SHA-256.
    Column("hash", Text, nullable=False),
    # Parted by spaces.
    Column("scopes", Text, nullable=False),
    # funland.v1.KeyLimits.
    Column("limits", LargeBinary, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger),
    Column("use_time", BigInteger),
    Column("revoke_time", BigInteger),
    Index("access_keys_of_users", "user_id"),
    Index("access_keys_by_time", "create_time", "key_id"),
)

signing_keys = Table(
    "signing_keys",
    schema,
    Column("kid", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    # From when on nothing is signed with it. Null: it is the one that signs.
    Column("retire_time", BigInteger),
)

audit_events = Table(
    "audit_events",
    schema,
    Column(
        "event_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True,
        autoincrement=True,
    ),
    Column("time", BigInteger, nullable=False),
    Column("user_id", AnyText, nullable=False),
    Column("key_id", AnyText, nullable=False),
    Column("rpc", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("address", AnyText, nullable=False),
    Column("request_id", AnyText, nullable=False),
    Index("audit_events_of_users", "user_id", "event_id"),
    Index("audit_events_by_time", "time"),
)  # fmt: skip

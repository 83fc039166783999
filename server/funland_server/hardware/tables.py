"""The table of benchmarks, as the migrations make it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

benchmarks = Table(
    "benchmarks",
    schema,
    # Whose machine it is: servers may share a database.
    Column("home_id", Text, primary_key=True),
    # What tells the device from any other that this machine had or will have.
    Column("device", AnyText, primary_key=True),
    Column("model_sha256", Text, primary_key=True),
    # LoadSettings.Engine.
    Column("engine", BigInteger, primary_key=True),
    Column("engine_version", AnyText, primary_key=True),
    Column("driver_version", AnyText, primary_key=True),
    # funland.v1.BenchmarkResult.
    Column("result", LargeBinary, nullable=False),
)

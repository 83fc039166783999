"""The table of downloads, as the migrations make it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Row, Table, Text

AnyRow = Row[*tuple[Any, ...]]

schema = MetaData()

downloads = Table(
    "downloads",
    schema,
    Column("download_id", Text, primary_key=True),
    # Whose home the files are in: servers may share a database.
    Column("home_id", Text, nullable=False),
    # Ascending in order of arrival.
    Column("arrival", BigInteger, nullable=False),
    # The plan as JSON: see `plan_json`.
    Column("plan", LargeBinary, nullable=False),
    # funland.v1.Download, without what only a running one has.
    Column("download", LargeBinary, nullable=False),
)

Index("downloads_by_arrival", downloads.c.home_id, downloads.c.arrival, unique=True)

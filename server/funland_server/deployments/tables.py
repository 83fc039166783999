"""The table of deployments, as the migrations make it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from funland_server.storage.schema import schema

deployments = Table(
    "deployments",
    schema,
    Column("deployment_id", Text, primary_key=True),
    # Whose models it is made of: servers may share a database.
    Column("home_id", Text, nullable=False),
    # Ascending in order of arrival.
    Column("arrival", BigInteger, nullable=False),
    # Whether it is to run: 1, or 0.
    Column("wanted", BigInteger, nullable=False),
    # funland.v1.StartDeploymentRequest.
    Column("request", LargeBinary, nullable=False),
    # funland.v1.Deployment, without what only one that runs has.
    Column("deployment", LargeBinary, nullable=False),
    Index("deployments_by_arrival", "home_id", "arrival", unique=True),
)

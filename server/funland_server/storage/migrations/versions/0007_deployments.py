"""Models that stay in memory under a name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Makes the table of deployments."""
    op.create_table(
        "deployments",
        sa.Column("deployment_id", sa.Text, primary_key=True),
        # Whose models it is made of: servers may share a database.
        sa.Column("home_id", sa.Text, nullable=False),
        # Ascending in order of arrival.
        sa.Column("arrival", sa.BigInteger, nullable=False),
        # Whether it is to run: 1, or 0.
        sa.Column("wanted", sa.BigInteger, nullable=False),
        # funland.v1.StartDeploymentRequest.
        sa.Column("request", sa.LargeBinary, nullable=False),
        # funland.v1.Deployment, without what only one that runs has.
        sa.Column("deployment", sa.LargeBinary, nullable=False),
    )
    op.create_index("deployments_by_arrival", "deployments", ["home_id", "arrival"], unique=True)

"""Deployments in the database: kept, changed and forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from funland.v1.deployments_pb2 import Deployment, StartDeploymentRequest
from funland_server.deployments.tables import deployments
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database


@dataclass(frozen=True, slots=True)
class Kept:
    """A deployment as it was last saved."""

    request: StartDeploymentRequest
    """As it was asked for."""
    deployment: Deployment
    arrival: int
    wanted: bool
    """Whether it is to run."""


@dataclass(frozen=True, slots=True)
class DeploymentStore:
    """The deployments of one home. What writes raises StorageFullError where the disk is full; each
    write may be made twice."""

    database: Database
    home_id: str

    async def all(self) -> list[Kept]:
        """Every deployment, in order of arrival."""

        async def find(connection: AsyncConnection) -> list[Kept]:
            found = await connection.execute(
                select(deployments)
                .where(deployments.c.home_id == self.home_id)
                .order_by(deployments.c.arrival)
            )
            return [
                Kept(
                    StartDeploymentRequest.FromString(row.request),
                    Deployment.FromString(row.deployment),
                    row.arrival,
                    bool(row.wanted),
                )
                for row in found
            ]

        return await self.database.read(find)

    async def add(self, kept: Kept) -> None:
        """Keeps a deployment; for a caller that is cancelled meanwhile it is not kept."""
        deployment_id = kept.deployment.deployment_id

        async def insert_it(connection: AsyncConnection) -> None:
            await connection.execute(
                insert(deployments).values(
                    deployment_id=deployment_id,
                    home_id=self.home_id,
                    arrival=kept.arrival,
                    wanted=int(kept.wanted),
                    request=kept.request.SerializeToString(),
                    deployment=kept.deployment.SerializeToString(),
                )
            )

        async def take_it_back(connection: AsyncConnection) -> None:
            await connection.execute(_delete(deployment_id))

        await self.database.write(insert_it, give_back=take_it_back)

    async def save(self, deployment: Deployment, *, wanted: bool) -> None:
        """Writes a deployment anew; one that is not kept any more stays forgotten."""

        async def write_it(connection: AsyncConnection) -> None:
            await connection.execute(
                update(deployments)
                .where(deployments.c.deployment_id == deployment.deployment_id)
                .values(wanted=int(wanted), deployment=deployment.SerializeToString())
            )

        await self.database.write(write_it)

    async def remove(self, deployment_id: str) -> None:
        """Forgets a deployment."""

        async def delete_it(connection: AsyncConnection) -> None:
            await connection.execute(_delete(deployment_id))

        await self.database.write(delete_it)


def _delete(deployment_id: str):  # noqa: ANN202 - SQLAlchemy's own type of a statement
    return delete(deployments).where(deployments.c.deployment_id == deployment_id)

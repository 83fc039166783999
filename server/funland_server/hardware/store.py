"""Benchmarks in the database."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import delete, insert, select

from funland.v1.hardware_pb2 import BenchmarkResult
from funland_server.hardware.keys import Key
from funland_server.hardware.tables import benchmarks
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database


@dataclass(frozen=True, slots=True)
class Kept:
    """A benchmark, and what it is kept under."""

    key: Key
    result: BenchmarkResult


@dataclass(frozen=True, slots=True)
class BenchmarkStore:
    """The benchmarks of one home: the latest of each key."""

    database: Database
    home_id: str

    async def of_model(self, sha256: str) -> list[Kept]:
        """Those of the model with these weights, the latest first."""

        async def find(connection: AsyncConnection) -> list[Kept]:
            rows = await connection.execute(
                select(benchmarks).where(
                    benchmarks.c.home_id == self.home_id, benchmarks.c.model_sha256 == sha256
                )
            )
            return [
                Kept(
                    Key(
                        device=row.device,
                        model_sha256=row.model_sha256,
                        engine=row.engine,
                        engine_version=row.engine_version,
                        driver_version=row.driver_version,
                    ),
                    BenchmarkResult.FromString(row.result),
                )
                for row in rows
            ]

        found = await self.database.read(find)
        return sorted(found, key=lambda kept: kept.result.time.ToNanoseconds(), reverse=True)

    async def keep(self, kept: Kept) -> None:
        """Keeps a benchmark in place of the one before; raises StorageFullError."""
        columns = {"home_id": self.home_id, **asdict(kept.key)}

        async def replace(connection: AsyncConnection) -> None:
            same = (benchmarks.c[name] == value for name, value in columns.items())
            await connection.execute(delete(benchmarks).where(*same))
            await connection.execute(
                insert(benchmarks).values(**columns, result=kept.result.SerializeToString())
            )

        await self.database.write(replace)

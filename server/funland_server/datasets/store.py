"""Datasets in the database, with their versions and what was counted of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, func, insert, or_, select, update

from funland.v1.datasets_pb2 import Dataset, DatasetSource, DatasetTokens, DatasetVersion
from funland.v1.errors_pb2 import Error
from funland_server.datasets.errors import DatasetNotFoundError, DatasetNotReadyError
from funland_server.datasets.standing import after_failure
from funland_server.datasets.tables import dataset_tokens, dataset_versions, datasets
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

_WHOLE: Final = 10
"""Versions of which all is told."""
_id = datasets.c.dataset_id
AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A dataset, and where what is there of it lies."""

    dataset: Dataset
    home_id: str
    source: DatasetSource
    """What is being read."""
    homes: dict[int, str]
    """Who has the rows of each version."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which datasets are listed."""

    owner_id: str | None
    """None: whoever made them."""
    project_ids: Sequence[str] = ()
    """Those of these projects too."""
    only_project: str = ""
    """None but those of this one."""
    after: int = 0
    """Behind that of this number."""


@dataclass(frozen=True, slots=True)
class DatasetStore:
    """The datasets of all homes that share a database. What writes raises StorageFullError where
    the disk is full; each write may be made twice."""

    database: Database
    home_id: str

    async def add(self, dataset: Dataset, source: DatasetSource) -> Dataset:
        """Keeps a dataset that is to be read, which gets the next number."""

        async def insert_it(connection: AsyncConnection) -> Dataset:
            highest = await connection.execute(select(func.max(datasets.c.number)))
            dataset.number = (highest.scalar_one() or 0) + 1
            values = {
                "dataset_id": dataset.dataset_id,
                "number": dataset.number,
                "home_id": self.home_id,
                "owner_id": dataset.owner_id,
                "project_id": dataset.project_id,
                "name": dataset.name,
                "description": dataset.description,
                "status": dataset.status,
                "error": b"",
                "source": source.SerializeToString(),
                "create_time": dataset.create_time.ToMicroseconds(),
                "update_time": dataset.update_time.ToMicroseconds(),
                "revision": dataset.revision,
            }
            await connection.execute(insert(datasets).values(values))
            return dataset

        async def take_it_back(connection: AsyncConnection) -> None:
            await connection.execute(delete(datasets).where(_id == dataset.dataset_id))

        return await self.database.write(insert_it, give_back=take_it_back)

    async def get(self, dataset_id: str) -> Kept:
        """A dataset with all its versions; raises DatasetNotFoundError."""

        async def find(connection: AsyncConnection) -> Kept | None:
            row = (
                await connection.execute(select(datasets).where(_id == dataset_id))
            ).one_or_none()
            if row is None:
                return None
            versions = await connection.execute(
                select(dataset_versions)
                .where(dataset_versions.c.dataset_id == dataset_id)
                .order_by(dataset_versions.c.version.desc())
            )
            return _kept(row, versions.all())

        found = await self.database.read(find)
        if found is None:
            raise DatasetNotFoundError(dataset_id)
        return found

    async def id_of(self, number: int) -> str | None:
        """The id of the dataset of a number; None: there is none."""
        query = select(_id).where(datasets.c.number == number)

        async def find(connection: AsyncConnection) -> str | None:
            return (await connection.execute(query)).scalar_one_or_none()

        return await self.database.read(find)

    async def page(self, wanted: Wanted, size: int) -> tuple[list[Dataset], int]:
        """Datasets in the order of their numbers with their newest versions, one more than `size`
        at most, and how many there are in all."""
        newest = (
            select(func.max(dataset_versions.c.version))
            .where(dataset_versions.c.dataset_id == _id)
            .correlate(datasets)
            .scalar_subquery()
        )
        joined = datasets.outerjoin(
            dataset_versions,
            (dataset_versions.c.dataset_id == _id) & (dataset_versions.c.version == newest),
        )
        query = (
            select(datasets, dataset_versions.c.about)
            .select_from(joined)
            .where(*_chosen(wanted), datasets.c.number > wanted.after)
            .order_by(datasets.c.number)
            .limit(size + 1)
        )
        count = select(func.count()).select_from(datasets).where(*_chosen(wanted))

        async def find(connection: AsyncConnection) -> tuple[list[Dataset], int]:
            rows = (await connection.execute(query)).all()
            total = (await connection.execute(count)).scalar_one()
            return [_with_newest(row) for row in rows], total

        return await self.database.read(find)

    async def change(self, dataset_id: str, now: int, **values: str) -> None:
        """Changes a name, a description or a project; raises DatasetNotFoundError."""

        async def write(connection: AsyncConnection) -> None:
            await _locked(connection, dataset_id)
            await _update(connection, dataset_id, now, **values)

        await self.database.write(write)

    async def begin(self, dataset_id: str, source: DatasetSource, now: int) -> None:
        """Notes what is to be read next, by this home's server; raises DatasetNotFoundError, and
        DatasetNotReadyError if something is being read."""

        async def write(connection: AsyncConnection) -> None:
            row = await _locked(connection, dataset_id)
            if row.status == Dataset.PREPARING:
                raise DatasetNotReadyError(dataset_id)
            await _update(
                connection, dataset_id, now,
                status=Dataset.PREPARING, error=b"", source=source.SerializeToString(),
                home_id=self.home_id,
            )  # fmt: skip

        await self.database.write(write)

    async def finished(self, dataset_id: str, version: DatasetVersion, now: int) -> None:
        """Keeps what was read: as the next version, or as the one that has the same rows. Raises
        DatasetNotFoundError."""
        same = (
            dataset_versions.c.dataset_id == dataset_id,
            dataset_versions.c.sha256 == version.sha256,
            dataset_versions.c.home_id == self.home_id,
        )
        highest = select(func.max(dataset_versions.c.version)).where(
            dataset_versions.c.dataset_id == dataset_id
        )

        async def write(connection: AsyncConnection) -> None:
            await _locked(connection, dataset_id)
            if (await connection.execute(select(dataset_versions).where(*same))).first() is None:
                about = DatasetVersion()
                about.CopyFrom(version)
                about.version = ((await connection.execute(highest)).scalar_one() or 0) + 1
                about.create_time.FromMicroseconds(now)
                values = {
                    "dataset_id": dataset_id,
                    "version": about.version,
                    "home_id": self.home_id,
                    "sha256": about.sha256,
                    "about": about.SerializeToString(),
                }
                await connection.execute(insert(dataset_versions).values(values))
            await _update(connection, dataset_id, now, status=Dataset.READY, error=b"", source=b"")

        await self.database.write(write)

    async def failed(self, dataset_id: str, error: Error, now: int) -> None:
        """Notes why reading failed; raises DatasetNotFoundError."""

        async def write(connection: AsyncConnection) -> None:
            await _locked(connection, dataset_id)
            own = select(func.count()).select_from(dataset_versions)
            found = await connection.execute(own.where(dataset_versions.c.dataset_id == dataset_id))
            status = after_failure(found.scalar_one())
            await _update(
                connection, dataset_id, now,
                status=status, error=error.SerializeToString(), source=b"",
            )  # fmt: skip

        await self.database.write(write)

    async def remove(self, dataset_id: str) -> None:
        """Forgets a dataset and all of it; raises DatasetNotFoundError."""

        async def write(connection: AsyncConnection) -> None:
            await _locked(connection, dataset_id)
            for table in (dataset_tokens, dataset_versions, datasets):
                await connection.execute(delete(table).where(table.c.dataset_id == dataset_id))

        await self.database.write(write)

    async def unread(self) -> list[str]:
        """The ids of those that this home is to read, in the order of their numbers."""
        wanted = (datasets.c.home_id == self.home_id, datasets.c.status == Dataset.PREPARING)
        query = select(_id).where(*wanted).order_by(datasets.c.number)

        async def find(connection: AsyncConnection) -> list[str]:
            return list((await connection.execute(query)).scalars())

        return await self.database.read(find)

    async def here(self) -> set[tuple[str, str]]:
        """The dataset and the SHA-256 of each version whose rows this home has."""
        columns = (dataset_versions.c.dataset_id, dataset_versions.c.sha256)
        query = select(*columns).where(dataset_versions.c.home_id == self.home_id)

        async def find(connection: AsyncConnection) -> set[tuple[str, str]]:
            return {(row.dataset_id, row.sha256) for row in await connection.execute(query)}

        return await self.database.read(find)

    async def counted(
        self, dataset_id: str, version: int, model_sha256: str
    ) -> DatasetTokens | None:
        """What was counted of a version with a model."""
        query = select(dataset_tokens.c.counts).where(
            dataset_tokens.c.dataset_id == dataset_id,
            dataset_tokens.c.version == version,
            dataset_tokens.c.model_sha256 == model_sha256,
        )

        async def find(connection: AsyncConnection) -> bytes | None:
            return (await connection.execute(query)).scalar_one_or_none()

        found = await self.database.read(find)
        return None if found is None else DatasetTokens.FromString(found)

    async def keep_count(self, dataset_id: str, model_sha256: str, counts: DatasetTokens) -> None:
        """Keeps what was counted; raises DatasetNotFoundError."""
        key = {
            "dataset_id": dataset_id,
            "version": counts.version,
            "model_sha256": model_sha256,
        }
        same = [dataset_tokens.c[name] == value for name, value in key.items()]

        async def write(connection: AsyncConnection) -> None:
            await _locked(connection, dataset_id)
            await connection.execute(delete(dataset_tokens).where(*same))
            values = {**key, "counts": counts.SerializeToString()}
            await connection.execute(insert(dataset_tokens).values(values))

        await self.database.write(write)


async def _locked(connection: AsyncConnection, dataset_id: str) -> AnyRow:
    query = select(datasets).where(_id == dataset_id).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise DatasetNotFoundError(dataset_id)
    return row


async def _update(connection: AsyncConnection, dataset_id: str, now: int, **values: Any) -> None:
    changed = {**values, "update_time": now, "revision": datasets.c.revision + 1}
    await connection.execute(update(datasets).where(_id == dataset_id).values(changed))


def _chosen(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.owner_id is not None:
        own = (datasets.c.owner_id == wanted.owner_id) & (datasets.c.owner_id != "")
        conditions.append(or_(own, datasets.c.project_id.in_(wanted.project_ids)))
    if wanted.only_project:
        conditions.append(datasets.c.project_id == wanted.only_project)
    return conditions


def _kept(row: AnyRow, versions: Sequence[AnyRow]) -> Kept:
    dataset = _whole(row)
    for place, each in enumerate(versions):
        version = DatasetVersion.FromString(each.about)
        dataset.versions.append(version if place < _WHOLE else _short(version))
    homes = {each.version: each.home_id for each in versions}
    return Kept(dataset, row.home_id, DatasetSource.FromString(row.source), homes)


def _with_newest(row: AnyRow) -> Dataset:
    dataset = _whole(row)
    if row.about is not None:
        dataset.versions.append(_short(DatasetVersion.FromString(row.about)))
    return dataset


def _short(version: DatasetVersion) -> DatasetVersion:
    """Without what makes it large: a message holds few of those."""
    for name in ("bad_rows", "fields", "first_rows"):
        version.ClearField(name)
    return version


def _whole(row: AnyRow) -> Dataset:
    dataset = Dataset(
        dataset_id=row.dataset_id,
        number=row.number,
        name=row.name,
        description=row.description,
        project_id=row.project_id,
        owner_id=row.owner_id,
        status=row.status,
        revision=row.revision,
    )
    if row.error:
        dataset.error.CopyFrom(Error.FromString(row.error))
    dataset.create_time.FromMicroseconds(row.create_time)
    dataset.update_time.FromMicroseconds(row.update_time)
    return dataset

"""What callers do with datasets, as far as they are there for them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from google.protobuf import json_format

from funland.v1 import datasets_pb2
from funland.v1.datasets_pb2 import Dataset, DatasetTokens, DatasetVersion
from funland.v1.projects_pb2 import ProjectMember
from funland_server.changes import Changes
from funland_server.datasets.counting import Counting
from funland_server.datasets.errors import DatasetNotFoundError, DatasetNotReadyError
from funland_server.datasets.preparing import Preparing
from funland_server.datasets.rows import Rows, page
from funland_server.datasets.shelf import Shelf
from funland_server.datasets.sources import Sources
from funland_server.datasets.standing import has_settled, version_of
from funland_server.datasets.store import DatasetStore, Kept, Wanted
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.on_disk import to_its_end
from funland_server.identity import caller
from funland_server.projects.domain import Projects

_PAGE: Final = 100
_ROWS: Final = 20
_DIGITS: Final = 18


class Managing:
    """The datasets of a database."""

    def __init__(
        self,
        store: DatasetStore,
        shelf: Shelf,
        sources: Sources,
        *,
        preparing: Preparing,
        counting: Counting,
        projects: Projects,
        changes: Changes,
        now: Callable[[], int],
    ) -> None:
        """`now` is the time in microseconds since 1970."""
        self._store = store
        self._shelf = shelf
        self._sources = sources
        self._preparing = preparing
        self._counting = counting
        self._projects = projects
        self._changes = changes
        self._now = now

    async def create(self, request: datasets_pb2.CreateDatasetRequest) -> Dataset:
        """Makes a dataset, which is read from now on."""
        await self._check_project(request.project_id)
        source = await self._sources.check(request.source)
        dataset = Dataset(
            dataset_id=f"ds_{secrets.token_hex(8)}",
            name=request.name,
            description=request.description,
            project_id=request.project_id,
            owner_id=caller().user_id,
            status=Dataset.PREPARING,
            revision=1,
        )
        dataset.create_time.FromMicroseconds(self._now())
        dataset.update_time.CopyFrom(dataset.create_time)
        dataset = await self._store.add(dataset, source)
        self._preparing.add(dataset.dataset_id)
        return dataset

    async def add_version(self, request: datasets_pb2.AddDatasetVersionRequest) -> Dataset:
        """Has further contents read."""
        await self._may_change(request.dataset_id)
        source = await self._sources.check(request.source)
        await self._store.begin(request.dataset_id, source, self._now())
        self._preparing.add(request.dataset_id)
        return await self._changed(request.dataset_id)

    async def get(self, dataset_id: str) -> Dataset:
        """A dataset; raises DatasetNotFoundError."""
        return self._presented((await self._visible(dataset_id)).dataset)

    async def named(self, name: str) -> Dataset:
        """A dataset by its id or its number; raises DatasetNotFoundError."""
        is_number = name.isascii() and name.isdecimal() and len(name) <= _DIGITS
        found = await self._store.id_of(int(name)) if is_number else None
        try:
            return await self.get(found or name)
        except DatasetNotFoundError:
            # Its id would tell that it is there.
            raise DatasetNotFoundError(name) from None

    async def page(
        self, request: datasets_pb2.ListDatasetsRequest
    ) -> datasets_pb2.ListDatasetsResponse:
        """A page of those that are there for the caller."""
        size = request.page_size or _PAGE
        projects = await self._projects.ids_of(caller())
        wanted = Wanted(
            owner_id=None if projects is None else caller().user_id,
            project_ids=projects or (),
            only_project=request.project_id,
            after=_number(request.page_token),
        )
        found, total = await self._store.page(wanted, size)
        more = len(found) > size
        return datasets_pb2.ListDatasetsResponse(
            datasets=[self._presented(dataset) for dataset in found[:size]],
            next_page_token=str(found[size - 1].number) if more else "",
            total_size=total,
        )

    async def change(self, request: datasets_pb2.UpdateDatasetRequest) -> Dataset:
        """Changes what is set."""
        await self._may_change(request.dataset_id)
        if request.HasField("project_id"):
            await self._check_project(request.project_id)
        names = ("name", "description", "project_id")
        values = {name: getattr(request, name) for name in names if request.HasField(name)}
        if values:
            await self._store.change(request.dataset_id, self._now(), **values)
        return await self._changed(request.dataset_id)

    async def remove(self, dataset_id: str) -> None:
        """Removes a dataset and all of it that is here."""
        await self._may_change(dataset_id)
        await self._store.remove(dataset_id)
        await self._preparing.forget(dataset_id)
        await to_its_end(self._shelf.remove, dataset_id)
        self._changes.publish(dataset_id)

    async def watch(self, dataset_id: str) -> AsyncGenerator[Dataset]:
        """A dataset as it is, then as it changes, until nothing more comes by itself."""
        async with aclosing(self._changes.watch()) as changes:
            async for changed in changes:
                if changed in ("", dataset_id):
                    dataset = await self.get(dataset_id)
                    yield dataset
                    if has_settled(dataset):
                        return

    async def rows(
        self, request: datasets_pb2.ListDatasetRowsRequest
    ) -> datasets_pb2.ListDatasetRowsResponse:
        """Rows of a version."""
        found = await self.rows_of(request.dataset_id, request.version)
        limit = request.limit or _ROWS
        try:
            rows = await to_its_end(page, found.path, request.skip, limit)
        except FileNotFoundError:
            raise DatasetNotFoundError(request.dataset_id) from None
        answer = datasets_pb2.ListDatasetRowsResponse(row_count=found.row_count)
        for row in rows:
            json_format.ParseDict(row, answer.rows.add())
        return answer

    async def count(self, request: datasets_pb2.CountDatasetTokensRequest) -> DatasetTokens:
        """The tokens of a version."""
        version, rows = await self._version(request.dataset_id, request.version)
        try:
            return await self._counting.count(
                request.dataset_id, version, rows.path, request.model_id
            )
        except FileNotFoundError:
            raise DatasetNotFoundError(request.dataset_id) from None

    async def rows_of(self, dataset_id: str, version: int) -> Rows:
        """Where the rows of a version lie; 0: of the newest. Raises DatasetNotFoundError,
        DatasetVersionNotFoundError, DatasetNotReadyError."""
        return (await self._version(dataset_id, version))[1]

    async def _version(self, dataset_id: str, number: int) -> tuple[DatasetVersion, Rows]:
        kept = await self._visible(dataset_id)
        version = version_of(kept.dataset, number)
        if kept.homes[version.version] != self._store.home_id:
            why = "is kept by another server of this database: ask that one."
            raise DatasetNotReadyError(dataset_id, f"Dataset {dataset_id!r} {why}")
        path = self._shelf.rows(dataset_id, version.sha256)
        return version, Rows(path, version.row_count, version.sha256)

    async def _visible(self, dataset_id: str) -> Kept:
        kept = await self._store.get(dataset_id)
        if caller().sees(kept.dataset.owner_id):
            return kept
        projects = await self._projects.ids_of(caller())
        if kept.dataset.project_id and kept.dataset.project_id in (projects or ()):
            return kept
        raise DatasetNotFoundError(dataset_id)

    async def _may_change(self, dataset_id: str) -> None:
        """Raises DatasetNotFoundError, ProjectRoleMissingError."""
        dataset = (await self._visible(dataset_id)).dataset
        if not caller().sees(dataset.owner_id):
            await self._check_project(dataset.project_id)

    async def _check_project(self, project_id: str) -> None:
        if project_id:
            await self._projects.check(project_id, caller(), ProjectMember.EDITOR)

    async def _changed(self, dataset_id: str) -> Dataset:
        self._changes.publish(dataset_id)
        return await self.get(dataset_id)

    def _presented(self, dataset: Dataset) -> Dataset:
        percent = self._preparing.percent(dataset)
        if dataset.status == Dataset.PREPARING and percent is not None:
            dataset.progress_percent = percent
        return dataset


def _number(token: str) -> int:
    if not token:
        return 0
    if not (token.isascii() and token.isdecimal() and len(token) <= _DIGITS):
        raise FieldInvalidError([Violation("page_token", "was never given out")])
    return int(token)

"""`funland.v1.DatasetService`: the wire on one side, datasets on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.protobuf import empty_pb2

from funland.v1 import datasets_pb2
from funland_server.datasets.managing import Managing


class DatasetService:
    """Answers the RPCs of `DatasetService`; see `datasets.proto`."""

    def __init__(self, managing: Managing) -> None:
        self._managing = managing

    async def CreateDataset(
        self, request: datasets_pb2.CreateDatasetRequest
    ) -> datasets_pb2.Dataset:
        """See `datasets.proto`."""
        return await self._managing.create(request)

    async def AddDatasetVersion(
        self, request: datasets_pb2.AddDatasetVersionRequest
    ) -> datasets_pb2.Dataset:
        """See `datasets.proto`."""
        return await self._managing.add_version(request)

    async def GetDataset(self, request: datasets_pb2.GetDatasetRequest) -> datasets_pb2.Dataset:
        """See `datasets.proto`."""
        return await self._managing.named(request.dataset_id)

    async def ListDatasets(
        self, request: datasets_pb2.ListDatasetsRequest
    ) -> datasets_pb2.ListDatasetsResponse:
        """See `datasets.proto`."""
        return await self._managing.page(request)

    async def UpdateDataset(
        self, request: datasets_pb2.UpdateDatasetRequest
    ) -> datasets_pb2.Dataset:
        """See `datasets.proto`."""
        return await self._managing.change(request)

    async def DeleteDataset(self, request: datasets_pb2.DeleteDatasetRequest) -> empty_pb2.Empty:
        """See `datasets.proto`."""
        await self._managing.remove(request.dataset_id)
        return empty_pb2.Empty()

    async def WatchDataset(
        self, request: datasets_pb2.WatchDatasetRequest
    ) -> AsyncGenerator[datasets_pb2.DatasetEvent]:
        """See `datasets.proto`."""
        async with aclosing(self._managing.watch(request.dataset_id)) as changes:
            async for dataset in changes:
                yield datasets_pb2.DatasetEvent(dataset=dataset)

    async def ListDatasetRows(
        self, request: datasets_pb2.ListDatasetRowsRequest
    ) -> datasets_pb2.ListDatasetRowsResponse:
        """See `datasets.proto`."""
        return await self._managing.rows(request)

    async def CountDatasetTokens(
        self, request: datasets_pb2.CountDatasetTokensRequest
    ) -> datasets_pb2.DatasetTokens:
        """See `datasets.proto`."""
        return await self._managing.count(request)

"""`funland.v1.BatchService`: the wire on one side, batches on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from funland.v1 import batches_pb2
from funland_server.batches.creating import Batching


class BatchService:
    """Answers the RPCs of `BatchService`; see `batches.proto`."""

    def __init__(self, batching: Batching) -> None:
        self._batching = batching

    async def CreateBatch(self, request: batches_pb2.CreateBatchRequest) -> batches_pb2.Batch:
        """See `batches.proto`."""
        return await self._batching.create(request)

    async def GetBatch(self, request: batches_pb2.GetBatchRequest) -> batches_pb2.Batch:
        """See `batches.proto`."""
        return await self._batching.get(request.batch_id)

    async def ListBatches(
        self, request: batches_pb2.ListBatchesRequest
    ) -> batches_pb2.ListBatchesResponse:
        """See `batches.proto`."""
        return await self._batching.page(request)

    async def CancelBatch(self, request: batches_pb2.CancelBatchRequest) -> batches_pb2.Batch:
        """See `batches.proto`."""
        return await self._batching.cancel(request.batch_id)

    def WatchBatch(
        self, request: batches_pb2.WatchBatchRequest
    ) -> AsyncGenerator[batches_pb2.Batch]:
        """See `batches.proto`."""
        return self._batching.watch(request.batch_id)

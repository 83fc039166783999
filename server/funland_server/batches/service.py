"""`funland.v1.BatchService`: the wire on one side, batches on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from funland.v1 import batches_pb2


class BatchService:
    """Answers the RPCs of `BatchService`; see `batches.proto`."""

    async def CreateBatch(self, request: batches_pb2.CreateBatchRequest) -> batches_pb2.Batch:
        """See `batches.proto`."""
        raise NotImplementedError

    async def GetBatch(self, request: batches_pb2.GetBatchRequest) -> batches_pb2.Batch:
        """See `batches.proto`."""
        raise NotImplementedError

    async def ListBatches(
        self, request: batches_pb2.ListBatchesRequest
    ) -> batches_pb2.ListBatchesResponse:
        """See `batches.proto`."""
        raise NotImplementedError

    async def CancelBatch(self, request: batches_pb2.CancelBatchRequest) -> batches_pb2.Batch:
        """See `batches.proto`."""
        raise NotImplementedError

    async def WatchBatch(
        self, request: batches_pb2.WatchBatchRequest
    ) -> AsyncGenerator[batches_pb2.Batch]:
        """See `batches.proto`."""
        raise NotImplementedError
        yield batches_pb2.Batch()

"""`funland.v1.UploadService`: the wire on one side, uploads on the other."""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.protobuf import empty_pb2

from funland.v1 import files_pb2, uploads_pb2
from funland_server.files.resuming import Resuming


class UploadService:
    """Answers the RPCs of `UploadService`; see `uploads.proto`."""

    def __init__(self, resuming: Resuming) -> None:
        self._resuming = resuming

    async def CreateUpload(self, request: uploads_pb2.CreateUploadRequest) -> uploads_pb2.Upload:
        """See `uploads.proto`."""
        return await self._resuming.create(request)

    async def GetUpload(self, request: uploads_pb2.GetUploadRequest) -> uploads_pb2.Upload:
        """See `uploads.proto`."""
        return await self._resuming.get(request.upload_id)

    async def AppendUpload(
        self, requests: AsyncIterator[uploads_pb2.AppendUploadRequest]
    ) -> uploads_pb2.Upload:
        """See `uploads.proto`."""
        return await self._resuming.append(requests)

    async def CompleteUpload(self, request: uploads_pb2.CompleteUploadRequest) -> files_pb2.File:
        """See `uploads.proto`."""
        return await self._resuming.complete(request)

    async def CancelUpload(self, request: uploads_pb2.CancelUploadRequest) -> empty_pb2.Empty:
        """See `uploads.proto`."""
        await self._resuming.cancel(request.upload_id)
        return empty_pb2.Empty()

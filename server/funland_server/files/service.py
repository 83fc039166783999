"""`funland.v1.FileService`: the wire on one side, files on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from funland.v1 import files_pb2
from funland_server.files.keeping import Keeping
from funland_server.files.transfers import Transfers


class FileService:
    """Answers the RPCs of `FileService`; see `files.proto`."""

    def __init__(self, keeping: Keeping, transfers: Transfers) -> None:
        self._keeping = keeping
        self._transfers = transfers

    async def UploadFile(
        self, requests: AsyncIterator[files_pb2.UploadFileRequest]
    ) -> files_pb2.File:
        """See `files.proto`."""
        return await self._transfers.upload(requests)

    async def GetFile(self, request: files_pb2.GetFileRequest) -> files_pb2.File:
        """See `files.proto`."""
        return (await self._keeping.get(request.file_id)).file

    async def ListFiles(self, request: files_pb2.ListFilesRequest) -> files_pb2.ListFilesResponse:
        """See `files.proto`."""
        return await self._keeping.page(request)

    async def DownloadFile(
        self, request: files_pb2.DownloadFileRequest
    ) -> AsyncGenerator[httpbody_pb2.HttpBody]:
        """See `files.proto`."""
        async for part in self._transfers.download(request.file_id):
            yield part

    async def DeleteFile(self, request: files_pb2.DeleteFileRequest) -> empty_pb2.Empty:
        """See `files.proto`."""
        await self._keeping.delete(request.file_id)
        return empty_pb2.Empty()

"""`funland.v1.FileService`: the wire on one side, files on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from funland.v1 import files_pb2


class FileService:
    """Answers the RPCs of `FileService`; see `files.proto`."""

    async def UploadFile(
        self, requests: AsyncIterator[files_pb2.UploadFileRequest]
    ) -> files_pb2.File:
        """See `files.proto`."""
        raise NotImplementedError

    async def GetFile(self, request: files_pb2.GetFileRequest) -> files_pb2.File:
        """See `files.proto`."""
        raise NotImplementedError

    async def ListFiles(self, request: files_pb2.ListFilesRequest) -> files_pb2.ListFilesResponse:
        """See `files.proto`."""
        raise NotImplementedError

    async def DownloadFile(
        self, request: files_pb2.DownloadFileRequest
    ) -> AsyncGenerator[httpbody_pb2.HttpBody]:
        """See `files.proto`."""
        raise NotImplementedError
        yield httpbody_pb2.HttpBody()

    async def DeleteFile(self, request: files_pb2.DeleteFileRequest) -> empty_pb2.Empty:
        """See `files.proto`."""
        raise NotImplementedError

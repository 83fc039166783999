# Generated from ../asynchronous/files.py by `make client`: edit that one.
"""Files that the server keeps: what callers give it to work on, and what tasks made."""

from __future__ import annotations

import os
from pathlib import Path

from google.api.httpbody_pb2 import HttpBody

from funland.v1.files_pb2 import (
    DeleteFileRequest,
    DownloadFileRequest,
    File,
    GetFileRequest,
    ListFilesRequest,
)
from funland.v1.files_pb2_grpc import FileServiceStub
from funland_client.blocking.connection import Connection
from funland_client.blocking.event_streams import EventStream
from funland_client.errors import FileDamagedError
from funland_client.kept_files import Landing, Source, Upload, landing_place


class Files:
    """Files that the server keeps, as `client.files`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = FileServiceStub(connection.channel)
        self._sending = FileServiceStub(connection.sending)

    def upload(
        self,
        source: Source,
        *,
        name: str = "",
        purpose: str = "",
        media_type: str = "",
        retention_seconds: int = 0,
    ) -> File:
        """Sends a file in parts: by its path, open, as bytes, or as parts of them.

        Its SHA-256 is compared, by the server before it keeps the file if the source can be read
        twice. An empty `name` is the source's own; `retention_seconds` of 0 keeps it until it is
        deleted. What reading the source raises is raised, and nothing is kept.
        """
        upload = Upload(source, name, purpose, media_type, retention_seconds)
        file = self._connection.send(self._sending.UploadFile, upload.messages())
        try:
            upload.check(file)
        except FileDamagedError:
            self.delete(file.file_id)
            raise
        return file

    def get(self, file_id: str) -> File:
        """Gets what is known of a file."""
        return self._connection.call(self._stub.GetFile, GetFileRequest(file_id=file_id))

    def list(self, *, purpose: str = "", oldest_first: bool = False, limit: int = 0) -> list[File]:
        """Gets files, the newest first unless the oldest are wanted so: those that are for a
        `purpose`, if one is named, and at most `limit`; 0: all."""
        files: list[File] = []
        request = ListFilesRequest(purpose=purpose, oldest_first=oldest_first, page_size=limit)
        while True:
            page = self._connection.call(self._stub.ListFiles, request)
            files.extend(page.files)
            if not page.next_page_token or 0 < limit <= len(files):
                return files[:limit] if limit else files
            request.page_token = page.next_page_token

    def stream(self, file_id: str) -> EventStream[HttpBody]:
        """Gets a file's content part by part, each in `data`."""
        request = DownloadFileRequest(file_id=file_id)
        return self._connection.stream(self._stub.DownloadFile, request)

    def read(self, file_id: str) -> bytes:
        """Gets a file's content."""
        with self.stream(file_id) as parts:
            return b"".join([part.data for part in parts])

    def download(self, file_id: str, path: str | os.PathLike[str]) -> Path:
        """Writes a file to a path, or under its own name into a folder; gives where it is then.

        It comes under another name and takes its place when its SHA-256 is right: nobody sees a
        part of it, and what fails leaves nothing.
        """
        file = self.get(file_id)
        place = landing_place(path, file)
        with Landing(place, file) as landing:
            with self.stream(file_id) as parts:
                for part in parts:
                    landing.write(part.data)
            landing.finish()
        return place

    def delete(self, file_id: str) -> None:
        """Removes a file; a task that reads it goes on."""
        request = DeleteFileRequest(file_id=file_id)
        self._connection.call(self._stub.DeleteFile, request, once=True)

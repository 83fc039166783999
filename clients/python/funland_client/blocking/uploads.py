# Generated from ../asynchronous/uploads.py by `make client`: edit that one.
"""Files that are sent in several calls, so that a line that breaks costs little."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from funland.v1.files_pb2 import File
from funland.v1.uploads_pb2 import (
    CancelUploadRequest,
    CompleteUploadRequest,
    CreateUploadRequest,
    GetUploadRequest,
    Upload,
)
from funland.v1.uploads_pb2_grpc import UploadServiceStub
from funland_client.blocking.connection import Connection
from funland_client.errors import FunlandError
from funland_client.fields import filled
from funland_client.resumed_uploads import RESUMES, Progress, SourceFile, messages
from funland_client.retries import Attempts


class Uploads:
    """Files that are sent in several calls, as `client.uploads`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = UploadServiceStub(connection.channel)
        self._sending = UploadServiceStub(connection.sending)

    def send(
        self,
        path: str | os.PathLike[str],
        *,
        name: str = "",
        purpose: str = "",
        media_type: str = "",
        retention_seconds: int = 0,
        upload_id: str = "",
        progress: Progress | None = None,
    ) -> File:
        """Sends a file by its path, and goes on where it was when a line breaks or the server
        starts anew.

        `upload_id` is that of an upload of the same file which somebody began before; empty: it
        begins. Its SHA-256 is compared. `progress` is told how far it is. The upload stays where
        sending fails, for a day. Raises OSError if the file can't be read.
        """
        source = SourceFile(path)
        if not upload_id:
            begun = self.create(
                name or source.name,
                source.size,
                purpose=purpose,
                media_type=media_type,
                retention_seconds=retention_seconds,
            )
            upload_id = begun.upload_id
        sha256 = source.sha256()
        attempts = self._attempts()
        while True:
            try:
                upload = self.get(upload_id)
                while upload.offset < source.size:
                    offset = upload.offset
                    upload = self.append(upload_id, offset, source.parts(offset))
                    if upload.offset > offset:
                        attempts = self._attempts()
                    if progress is not None:
                        progress(upload)
                return self.complete(upload_id, sha256=sha256)
            except FunlandError as error:
                if (seconds := attempts.pause(error)) is None:
                    raise
                time.sleep(seconds)

    def create(
        self,
        name: str,
        size_bytes: int,
        *,
        purpose: str = "",
        media_type: str = "",
        retention_seconds: int = 0,
    ) -> Upload:
        """Begins an upload of a file that is to have so many bytes."""
        values = {
            "name": name,
            "size_bytes": size_bytes,
            "purpose": purpose,
            "media_type": media_type,
            "retention_seconds": retention_seconds,
        }
        request = filled(CreateUploadRequest, "", values)
        return self._connection.call(self._stub.CreateUpload, request, once=True)

    def get(self, upload_id: str) -> Upload:
        """Gets an upload: its `offset` is where to go on."""
        request = GetUploadRequest(upload_id=upload_id)
        return self._connection.call(self._stub.GetUpload, request)

    def append(self, upload_id: str, offset: int, parts: Iterable[bytes]) -> Upload:
        """Adds bytes; they are on the server's disk when it returns. Raises UploadOffsetError if
        `offset` is not where the upload is."""
        return self._connection.send(self._sending.AppendUpload, messages(upload_id, offset, parts))

    def complete(self, upload_id: str, *, sha256: str = "") -> File:
        """Makes a file of an upload that is whole; raises FileDamagedError if it has another
        SHA-256. Asking again gives the same file."""
        request = filled(CompleteUploadRequest, "", {"upload_id": upload_id, "sha256": sha256})
        return self._connection.call(self._stub.CompleteUpload, request)

    def cancel(self, upload_id: str) -> None:
        """Removes an upload."""
        request = CancelUploadRequest(upload_id=upload_id)
        self._connection.call(self._stub.CancelUpload, request, once=True)

    def _attempts(self) -> Attempts:
        retries = RESUMES if self._connection.retries else 0
        return Attempts(retries, None, self._connection.credentials)

"""Files on their way in and out, in parts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from google.api.httpbody_pb2 import HttpBody

from funland.v1.files_pb2 import File, UploadFileRequest
from funland_server.files.errors import UnknownFileError
from funland_server.files.keeping import About, Keeping
from funland_server.files.on_disk import to_its_end
from funland_server.files.uploads import joined
from funland_server.live import Live

_PART: Final = 256 * 1024


class Transfers:
    """Takes files from callers and gives them out."""

    def __init__(self, keeping: Keeping, limit_bytes: Live[int]) -> None:
        """`limit_bytes` is what a file of a caller's may have at most."""
        self._keeping = keeping
        self._limit = limit_bytes

    async def upload(self, requests: AsyncIterator[UploadFileRequest]) -> File:
        """Keeps the file that comes; see `FileService.UploadFile` for what is raised."""
        said = UploadFileRequest()
        async with self._keeping.arriving(self._limit.now) as arrival:
            async for request in requests:
                said = joined(said, request)
                await arrival.add(request.data)
            about = About(
                name=said.name,
                purpose=said.purpose,
                media_type=said.media_type,
                retention_seconds=said.retention_seconds,
            )
            return await self._keeping.keep(arrival, about, said.sha256)

    async def download(self, file_id: str) -> AsyncGenerator[HttpBody]:
        """A file's content, at least one part; raises UnknownFileError, FileElsewhereError."""
        path = await self._keeping.path(file_id)
        file = (await self._keeping.get(file_id)).file
        try:
            content = await to_its_end(path.open, "rb", 0)
        except FileNotFoundError as error:
            raise UnknownFileError(file_id) from error
        try:
            part = HttpBody(
                content_type=file.media_type, data=await to_its_end(content.read, _PART)
            )
            part.extensions.add().Pack(file)
            yield part
            while data := await to_its_end(content.read, _PART):
                yield HttpBody(data=data)
        finally:
            content.close()

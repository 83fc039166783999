"""A server that keeps the files of forms, for the tests of the dialects that send them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty

from funland.v1.files_pb2 import DeleteFileRequest, File, UploadFileRequest

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers


class Keeping:
    """Keeps what is sent: `kept` is what is there now, `heads` what was said of each."""

    def __init__(self, answers: Answers) -> None:
        self.kept: dict[str, bytes] = {}
        self.heads: list[UploadFileRequest] = []
        self.largest = 0
        """Bytes of the largest part that came."""
        self._removed = asyncio.Condition()
        answers["UploadFile"] = self._upload
        answers["DeleteFile"] = self._delete

    async def emptied(self) -> None:
        """Waits until nothing is kept."""
        async with asyncio.timeout(120), self._removed:
            await self._removed.wait_for(lambda: not self.kept)

    async def _upload(self, messages: AsyncIterator[UploadFileRequest], _: Any) -> File:
        head = await anext(aiter(messages))
        data = b""
        async for message in messages:
            data += message.data
            self.largest = max(self.largest, len(message.data))
        self.heads.append(head)
        file_id = f"file-{len(self.heads)}"
        self.kept[file_id] = data
        return File(file_id=file_id)

    async def _delete(self, request: DeleteFileRequest, _: Any) -> Empty:
        async with self._removed:
            del self.kept[request.file_id]
            self._removed.notify_all()
        return Empty()

"""Batches of lines, given in once each, and what came of every line."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc.aio

from funland.v1.batches_pb2 import Batch, CreateBatchRequest, GetBatchRequest
from funland.v1.batches_pb2_grpc import BatchServiceStub
from funland.v1.files_pb2 import DownloadFileRequest, UploadFileRequest
from funland.v1.files_pb2_grpc import FileServiceStub
from tools.kill_tasks.works import unvarying

LINES: Final = 12
"""Of each batch."""
_GENERATE: Final = "/funland/v1/generate"
_ENDED: Final = (Batch.COMPLETED, Batch.FAILED, Batch.EXPIRED, Batch.CANCELLED)


class Batches:
    """Those of one home."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._ids: list[str] = []
        self.wrong: list[str] = []

    async def submit(self, channel: grpc.aio.Channel) -> None:
        """Once each, however often it is asked for."""
        files: Any = FileServiceStub(channel)
        batches: Any = BatchServiceStub(channel)
        while len(self._ids) < self._count:
            file = await files.UploadFile(_parts(len(self._ids)))
            request = CreateBatchRequest(input_file_id=file.file_id, endpoint=_GENERATE)
            self._ids.append((await batches.CreateBatch(request)).batch_id)

    async def results(self, channel: grpc.aio.Channel) -> dict[str, object]:
        """What came of all lines by their `custom_id`s, when all have ended."""
        files: Any = FileServiceStub(channel)
        stub: Any = BatchServiceStub(channel)
        found: dict[str, object] = {}
        for batch_id in self._ids:
            request = GetBatchRequest(batch_id=batch_id)
            while (batch := await stub.GetBatch(request)).state not in _ENDED:  # noqa: ASYNC110 - now and then
                await asyncio.sleep(0.2)
            if (batch.state, batch.completed_lines) != (Batch.COMPLETED, LINES):
                told = Batch.State.Name(batch.state)
                self.wrong.append(f"{batch_id} is {told} with {batch.completed_lines} lines")
                continue
            output = files.DownloadFile(DownloadFileRequest(file_id=batch.output_file_id))
            kept = b"".join([part.data async for part in output])
            lines = [json.loads(line) for line in kept.splitlines()]
            times = Counter(line["custom_id"] for line in lines)
            if twice := [one for one, often in times.items() if often > 1]:
                self.wrong.append(f"{batch_id} has answers twice: {twice}")
            found |= {line["custom_id"]: unvarying(line) for line in lines}
        return found


async def _parts(number: int) -> AsyncIterator[UploadFileRequest]:
    lines = [
        {
            "custom_id": f"{number}-{place}", "method": "POST", "url": _GENERATE,
            "body": {
                "prompt": f"Line {place} of batch {number}: ",
                "sampling": {"temperature": 0, "max_tokens": 30, "ignore_end": True},
            },
        }
        for place in range(LINES)
    ]  # fmt: skip
    data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    yield UploadFileRequest(name="lines.jsonl", purpose="batch", data=data)

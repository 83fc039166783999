"""The files that a task makes, and that go with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from funland.v1.files_pb2 import File
from funland_server.errors import FunlandError
from funland_server.files.contents import Head
from funland_server.files.domain import Files

logger = structlog.get_logger(__name__)

_PURPOSE: Final = "task_output"


class Output:
    """Those of one run."""

    def __init__(self, files: Files, task_id: str) -> None:
        self._files = files
        self._task_id = task_id
        self._kept: list[str] = []

    async def keep(
        self,
        chunks: AsyncIterable[bytes],
        *,
        name: str,
        media_type: str,
        head: Head | None = None,
    ) -> File:
        """As `Files.keep`."""
        file = await self._files.keep(
            chunks,
            name=name,
            media_type=media_type,
            purpose=_PURPOSE,
            task_id=self._task_id,
            head=head,
        )
        self._kept.append(file.file_id)
        return file

    async def drop(self) -> None:
        """Removes them. Not those of the task: another server may run it by now."""
        for file_id in self._kept:
            try:
                await self._files.delete(file_id)
            except FunlandError as error:  # the next run, or the task's end, takes it along
                logger.warning("output_not_dropped", file_id=file_id, error=error.message)


@asynccontextmanager
async def output(files: Files, task_id: str) -> AsyncGenerator[Output]:
    """The files of a run that begins anew: what earlier ones left is removed, and what this one
    makes stays only if the block ends well."""
    await files.delete_of(task_id)
    made = Output(files, task_id)
    try:
        yield made
    except BaseException:
        await made.drop()
        raise

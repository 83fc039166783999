"""Has the files of a dataset read by a process of its own: what comes is a stranger's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import asdict
from typing import Any, Final

import orjson
import structlog

from funland_server.datasets.errors import DatasetInvalidError
from funland_server.datasets.reading.main import FULL, INVALID, MISSING
from funland_server.datasets.reading.making import Order
from funland_server.storage.errors import StorageFullError, StorageUnavailableError
from funland_server.workers.errors import FormatUnavailableError

logger = structlog.get_logger(__name__)

_MODULE: Final = "funland_server.datasets.reading.main"
_LONGEST_LINE: Final = 16 << 20
_LOG_BYTES: Final = 8192


async def read(order: Order, told: Callable[[int], None]) -> dict[str, Any]:
    """What was made, in the names of `DatasetVersion`; `told` hears how many bytes were read. Who
    is cancelled ends the process.

    Raises:
        DatasetInvalidError: No row can be used, or the process died of what it read.
        FormatUnavailableError: What reads a file is not installed.
        StorageFullError, StorageUnavailableError: The disk is full, or can't be used.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", _MODULE,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, limit=_LONGEST_LINE,
    )  # fmt: skip
    errors = asyncio.create_task(_tail(process.stderr))
    try:
        if process.stdin is not None:
            process.stdin.write(orjson.dumps(asdict(order), option=orjson.OPT_APPEND_NEWLINE))
        async with aclosing(_messages(process.stdout)) as messages:
            async for message in messages:
                if "read" in message:
                    told(message["read"])
                elif "made" in message:
                    return message["made"]
                else:
                    raise _failure(*message["failed"])
        code = await process.wait()
        logger.error("dataset_reader_lost", code=code, log=await errors)
        raise DatasetInvalidError(
            "What it is made of can't be read: the process that reads it ended amid it."
        )
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.wait([asyncio.create_task(process.wait()), errors])


async def _messages(stream: asyncio.StreamReader | None) -> AsyncGenerator[dict[str, Any]]:
    while stream is not None and (line := await stream.readline()):
        yield orjson.loads(line)


async def _tail(stream: asyncio.StreamReader | None) -> str:
    """The last that it wrote to its log."""
    tail = b""
    while stream is not None and (part := await stream.read(_LOG_BYTES)):
        tail = (tail + part)[-_LOG_BYTES:]
    return tail.decode("utf-8", "replace")


def _failure(kind: str, text: str) -> Exception:
    if kind == INVALID:
        return DatasetInvalidError(text)
    if kind == MISSING:
        return FormatUnavailableError(text)
    if kind == FULL:
        return StorageFullError()
    return StorageUnavailableError(f"The files of a dataset can't be used ({text}).")

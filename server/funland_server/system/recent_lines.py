"""Keeps the last lines of the server's log, for who looks at it from afar."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.system_pb2 import ServerLogLine
from funland_server.changes import Changes

_KEPT = 1000
_TOLD_BESIDE = ("timestamp", "level")
_LEVELS = (
    (logging.ERROR, "error"),
    (logging.WARNING, "warning"),
    (logging.INFO, "info"),
)


class RecentLines(logging.Handler):
    """The log's lines from `begin` on, as many as are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[structlog.stdlib.add_logger_name],
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _without_what_is_told_beside,
                    structlog.dev.ConsoleRenderer(
                        colors=False, exception_formatter=structlog.dev.plain_traceback
                    ),
                ],
            )
        )
        self._lines: deque[ServerLogLine] = deque(maxlen=_KEPT)
        self._changes = Changes()
        self._loop: asyncio.AbstractEventLoop | None = None
        # Beyond all that an earlier start of the server has given out.
        self._number = time.time_ns() // 1000

    def begin(self) -> None:
        """Keeps what is logged from now on, and tells it in the running loop."""
        self._loop = asyncio.get_running_loop()
        logging.getLogger().addHandler(self)

    def end(self) -> None:
        """Keeps nothing more."""
        logging.getLogger().removeHandler(self)
        self._loop = None

    def announce_stop(self) -> None:
        """Ends the watches."""
        self._changes.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a line; any thread may log."""
        self._number += 1
        written = Timestamp()
        written.FromNanoseconds(int(record.created * 1e9))
        level = next((name for least, name in _LEVELS if record.levelno >= least), "debug")
        text = self.format(record)
        self._lines.append(ServerLogLine(number=self._number, time=written, level=level, text=text))
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._changes.publish, "lines")

    async def watch(self, lines: int, after: int) -> AsyncGenerator[ServerLogLine]:
        """The last `lines`, or all that are kept after a number that is not 0; then what comes.

        Raises:
            ServerStoppingError: The server stops.
        """
        kept = list(self._lines)
        last = after or (kept[-lines - 1].number if len(kept) > lines else 0)
        async with aclosing(self._changes.watch()) as changes:
            async for _ in changes:
                for line in list(self._lines):
                    if line.number > last:
                        last = line.number
                        yield line


def _without_what_is_told_beside(
    _: Any, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name in _TOLD_BESIDE:
        event.pop(name, None)
    return event

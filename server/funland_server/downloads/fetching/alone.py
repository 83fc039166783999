"""Fetches files that are no download of anybody's: for whoever waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Final

from funland_server.downloads.fetching.tools import Tools
from funland_server.downloads.fetching.transfer import Transfer
from funland_server.downloads.plan import PlannedFile

_LOOKS: Final = 0.5
"""Seconds between two looks at what is there."""


async def fetch(
    tools: Tools, files: Sequence[PlannedFile], folder: Path, told: Callable[[int], None]
) -> list[Path]:
    """See `Downloads.fetch`."""
    transfer = Transfer(files, folder / "parts", tools, tools.settings.now.connections)
    looking = asyncio.create_task(_look(transfer, told))
    try:
        while (stalled := await transfer.run()) is not None:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(max(stalled.until - time(), 0.0))
    finally:
        looking.cancel()
        await asyncio.wait([looking])
    return await tools.threads.run(_link, transfer, folder / "fetched", tools)


async def _look(transfer: Transfer, told: Callable[[int], None]) -> None:
    while True:
        told(sum(file.there for file in transfer.files))
        await asyncio.sleep(_LOOKS)


def _link(transfer: Transfer, folder: Path, tools: Tools) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for number, file in enumerate(transfer.files):
        path = folder / f"{number}-{file.sha256}"
        with suppress(FileExistsError):  # of the time before
            tools.blobs.link(file.sha256, path)
        paths.append(path)
    return paths

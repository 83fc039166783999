"""Puts a file whose bytes are all there into the content store, if they are right."""

from __future__ import annotations

from pathlib import Path

import structlog

from funland_server.downloads.errors import DownloadCorruptError
from funland_server.downloads.fetching.fetched_file import FetchedFile
from funland_server.downloads.fetching.tools import Tools

logger = structlog.get_logger(__name__)


async def finish(file: FetchedFile, tools: Tools) -> None:
    """Has it `done`; or has bytes that may be wrong missing again, so that they are fetched anew.

    Raises:
        DownloadCorruptError: It is wrong however often it is fetched; nothing is left of it.
        OSError: The disk fails.
    """
    digests = await file.digests()
    if file.is_right(digests):
        path = await file.finish()
        await tools.threads.run(_adopt, file, tools, path, digests.sha256)
        return
    route = next(iter(file.routes.left), None)
    expected, found = (
        (file.sha256, digests.sha256) if file.sha256 else (file.git_sha1, digests.git_sha1)
    )
    logger.warning("download_hash_differs", file=file.planned.path, expected=expected, found=found)
    if await file.mend(route):
        return
    await file.close()
    await tools.threads.run(file.remove)
    raise DownloadCorruptError(
        f"{file.planned.path} is not what the hub says, however often it is fetched: its hash"
        f" is {found} and should be {expected}.",
        file=file.planned.path,
        expected=expected,
        found=found,
    )


def _adopt(file: FetchedFile, tools: Tools, path: Path, sha256: str) -> None:
    file.sha256 = sha256
    file.note.write(sha256)
    tools.blobs.adopt(path, sha256)
    file.remove()
    file.done = True

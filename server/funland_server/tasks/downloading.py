"""Tasks that download a model and wait for its end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from funland.v1.downloads_pb2 import Download
from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work
from funland_server.downloads.domain import Downloads
from funland_server.downloads.errors import DownloadNotFoundError, DownloadStateError
from funland_server.tasks.errors import ToldError
from funland_server.tasks.kinds import Checked, Running


class Downloading:
    """See `Kind`. The download goes on beside the task; both are kept."""

    kind = Task.DOWNLOAD
    lane = Lane.DOWNLOADS
    resumes = True

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads

    async def check(self, work: Work) -> Checked:
        """Hubs are asked when it is run. The model comes to the home that was asked for it."""
        return Checked(here=True)

    async def run(self, running: Running) -> TaskResult:
        """Begins the download, or finds the one that the last try began, and waits for its end. Of
        one that the last try ended, the next finds every byte there."""
        download = await self._downloads.begin(running.work.download)
        try:
            return TaskResult(download=await self._ended(download, running))
        except asyncio.CancelledError:
            if running.unwanted:
                await self._downloads.cancel(download.download_id)
            raise

    async def _ended(self, download: Download, running: Running) -> Download:
        download_id = download.download_id
        async with aclosing(self._downloads.changes.watch()) as changes:
            async for changed in changes:  # the first is none, and comes at once
                if changed not in ("", download_id):
                    continue
                now = self._downloads.find(download_id)
                if now is None:
                    raise DownloadNotFoundError(download_id)
                _tell(now, running)
                match now.state:
                    case Download.COMPLETED:
                        return now
                    case Download.FAILED:
                        raise ToldError(now.error)
                    case Download.CANCELLED:
                        raise DownloadStateError(
                            f"Download {download_id!r} was cancelled.",
                            download_id=download_id,
                            state="CANCELLED",
                            action="wait",
                        )
                    case _:
                        pass
        raise DownloadNotFoundError(download_id)  # not reached: watching never ends by itself


def _tell(download: Download, running: Running) -> None:
    percent = None
    if download.HasField("total_bytes") and download.total_bytes:
        percent = 100.0 * download.downloaded_bytes / download.total_bytes
    running.progress(percent, Download.State.Name(download.state))

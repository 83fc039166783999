"""Shows downloads as they come on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from google.protobuf import empty_pb2

from funland.v1.downloads_pb2 import Download, DownloadEvent, WatchDownloadsRequest
from funland_server.changes import Changes
from funland_server.downloads.errors import DownloadNotFoundError
from funland_server.downloads.jobs.machine import ENDED
from funland_server.downloads.jobs.roster import Roster

_STOPPED: Final = (*ENDED, Download.PAUSED)


class Watching:
    """Watches the downloads of a roster whose runner publishes to `changes`."""

    def __init__(self, roster: Roster, changes: Changes) -> None:
        self._roster = roster
        self._changes = changes

    async def events(self, request: WatchDownloadsRequest) -> AsyncGenerator[DownloadEvent]:
        """All that is asked for as it is, then what changes. A reader that is slow finds each
        download once, as it then is.

        Raises:
            DownloadNotFoundError: There is none of that id.
            ServerStoppingError: The server stops.
        """
        only = request.download_id
        if only:
            self._roster.get(only)
        until_end = bool(only) and request.until_end
        async with aclosing(self._changes.watch()) as changes:
            await anext(changes)  # from here on, no change is missed
            for job in self._roster.all():
                if only in ("", job.download_id):
                    download = self._roster.present(job)
                    yield DownloadEvent(download=download)
                    if until_end and download.state in _STOPPED:
                        return
            yield DownloadEvent(synced=empty_pb2.Empty())
            async for download_id in changes:
                if only not in ("", download_id):
                    continue
                event = self._event(download_id)
                yield event
                if until_end and (
                    event.HasField("deleted_download_id") or event.download.state in _STOPPED
                ):
                    return

    def _event(self, download_id: str) -> DownloadEvent:
        try:
            return DownloadEvent(download=self._roster.present(self._roster.get(download_id)))
        except DownloadNotFoundError:
            return DownloadEvent(deleted_download_id=download_id)

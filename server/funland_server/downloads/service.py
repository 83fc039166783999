"""`funland.v1.DownloadService`: the wire on one side, the jobs on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.protobuf import empty_pb2

from funland.v1 import downloads_pb2
from funland_server.downloads.jobs.control import Control
from funland_server.downloads.jobs.machine import Action
from funland_server.downloads.jobs.roster import Roster
from funland_server.downloads.listing import Listing
from funland_server.downloads.starting import Starting
from funland_server.downloads.watching import Watching


class DownloadService:
    """Answers the RPCs of `DownloadService`; see `downloads.proto`."""

    def __init__(
        self,
        starting: Starting,
        roster: Roster,
        control: Control,
        listing: Listing,
        watching: Watching,
    ) -> None:
        self._starting = starting
        self._roster = roster
        self._control = control
        self._listing = listing
        self._watching = watching

    async def StartDownload(
        self, request: downloads_pb2.StartDownloadRequest
    ) -> downloads_pb2.Download:
        """See `downloads.proto`."""
        return await self._starting.start(request)

    async def GetDownload(
        self, request: downloads_pb2.GetDownloadRequest
    ) -> downloads_pb2.Download:
        """See `downloads.proto`."""
        return self._roster.present(self._roster.get(request.download_id))

    async def ListDownloads(
        self, request: downloads_pb2.ListDownloadsRequest
    ) -> downloads_pb2.ListDownloadsResponse:
        """See `downloads.proto`."""
        return self._listing.page(request)

    async def PauseDownload(
        self, request: downloads_pb2.PauseDownloadRequest
    ) -> downloads_pb2.Download:
        """See `downloads.proto`."""
        return await self._control.act(request.download_id, Action.PAUSE)

    async def ResumeDownload(
        self, request: downloads_pb2.ResumeDownloadRequest
    ) -> downloads_pb2.Download:
        """See `downloads.proto`."""
        return await self._control.act(request.download_id, Action.RESUME)

    async def CancelDownload(
        self, request: downloads_pb2.CancelDownloadRequest
    ) -> downloads_pb2.Download:
        """See `downloads.proto`."""
        return await self._control.act(request.download_id, Action.CANCEL)

    async def RetryDownload(
        self, request: downloads_pb2.RetryDownloadRequest
    ) -> downloads_pb2.Download:
        """See `downloads.proto`."""
        return await self._control.act(request.download_id, Action.RETRY)

    async def UpdateDownload(
        self, request: downloads_pb2.UpdateDownloadRequest
    ) -> downloads_pb2.Download:
        """See `downloads.proto`."""
        connections = request.max_connections if request.HasField("max_connections") else None
        return await self._control.update(request.download_id, request.priority, connections)

    async def DeleteDownload(self, request: downloads_pb2.DeleteDownloadRequest) -> empty_pb2.Empty:
        """See `downloads.proto`."""
        await self._control.delete(request.download_id)
        return empty_pb2.Empty()

    async def WatchDownloads(
        self, request: downloads_pb2.WatchDownloadsRequest
    ) -> AsyncGenerator[downloads_pb2.DownloadEvent]:
        """See `downloads.proto`."""
        async with aclosing(self._watching.events(request)) as events:
            async for event in events:
                yield event

    async def GetDownloadQueue(
        self, request: downloads_pb2.GetDownloadQueueRequest
    ) -> downloads_pb2.DownloadQueue:
        """See `downloads.proto`."""
        return self._listing.queue()

    async def GetStorage(self, request: downloads_pb2.GetStorageRequest) -> downloads_pb2.Storage:
        """See `downloads.proto`."""
        return await self._listing.storage()

"""The downloads of models, which go on at the server whether somebody waits or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Unpack

from funland.v1.downloads_pb2 import (
    CancelDownloadRequest,
    DeleteDownloadRequest,
    Download,
    DownloadEvent,
    DownloadQueue,
    GetDownloadQueueRequest,
    GetDownloadRequest,
    GetStorageRequest,
    PauseDownloadRequest,
    ResumeDownloadRequest,
    RetryDownloadRequest,
    Storage,
    WatchDownloadsRequest,
)
from funland.v1.downloads_pb2_grpc import DownloadServiceStub
from funland_client import requests
from funland_client.arguments import DownloadArguments, DownloadState, Priority
from funland_client.asynchronous.connection import AsyncConnection
from funland_client.asynchronous.event_streams import AsyncEventStream
from funland_client.errors import FunlandError
from funland_client.followed import check_end, failure, has_ended, seen


class AsyncDownloads:
    """The downloads of models, as `client.downloads`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = DownloadServiceStub(connection.channel)

    async def pull(
        self, source: str, **arguments: Unpack[DownloadArguments]
    ) -> AsyncGenerator[Download]:
        """Downloads a model: gives the download again and again until its model is installed.

        Begins with the loop's first step. One that another has begun, or that was paused, goes on.
        Otherwise as `follow`.
        """
        started = await self.start(source, **arguments)
        yield started
        if not has_ended(started):
            async for download in self.follow(started.download_id):
                yield download
        elif (error := failure(started)) is not None:
            raise error

    async def follow(self, download_id: str) -> AsyncGenerator[Download]:
        """Gives a download as it is now, then again when it changes, until its model is installed.

        Raises the error of one that fails, and DownloadStoppedError for one that is paused,
        cancelled or deleted. Who leaves the loop does not stop it. A connection that is lost is
        made again, as often after each event as `retries` says; there is no timeout.
        """
        request = WatchDownloadsRequest(download_id=download_id, until_end=True)
        attempts = self._connection.attempts()
        download: Download | None = None
        while not has_ended(download):
            events = self._connection.stream(
                self._stub.WatchDownloads, request, endless=True, once=True
            )
            try:
                async with events:
                    async for event in events:
                        attempts = self._connection.attempts()
                        if (now := seen(event)) is not None:
                            download = now
                            yield now
                check_end(download)
            except FunlandError as error:
                if (seconds := attempts.pause(error)) is None:
                    raise
                await asyncio.sleep(seconds)
        if download is not None and (error := failure(download)) is not None:
            raise error

    async def start(self, source: str, **arguments: Unpack[DownloadArguments]) -> Download:
        """Starts to download a model, and gives the download at once; it goes on at the server.

        `source` is `owner/name`, or `name:tag` for one of Ollama's; `modelscope:`, `huggingface:`
        or `ollama:` before it names the hub. What is best for the server's machine is taken
        unless the source or `variant` names something.
        """
        request = requests.download(source, arguments)
        return await self._connection.call(self._stub.StartDownload, request)

    async def get(self, download_id: str) -> Download:
        """Gets a download."""
        request = GetDownloadRequest(download_id=download_id)
        return await self._connection.call(self._stub.GetDownload, request)

    async def list(
        self, *, states: Sequence[DownloadState] = (), model: str = ""
    ) -> list[Download]:
        """Gets every download, the newest first: those in one of the `states`, if any are named,
        and of the `model`, if one is, by its id on the hub or here."""
        downloads: list[Download] = []
        request = requests.downloads(states, model)
        while True:
            page = await self._connection.call(self._stub.ListDownloads, request)
            downloads.extend(page.downloads)
            if not page.next_page_token:
                return downloads
            request.page_token = page.next_page_token

    async def pause(self, download_id: str) -> Download:
        """Stops a download, so that `resume` goes on where it was."""
        request = PauseDownloadRequest(download_id=download_id)
        return await self._connection.call(self._stub.PauseDownload, request)

    async def resume(self, download_id: str) -> Download:
        """Lets a paused download go on, or one that waits for the hub do so at once."""
        request = ResumeDownloadRequest(download_id=download_id)
        return await self._connection.call(self._stub.ResumeDownload, request)

    async def cancel(self, download_id: str) -> Download:
        """Ends a download and removes what was fetched of it."""
        request = CancelDownloadRequest(download_id=download_id)
        return await self._connection.call(self._stub.CancelDownload, request)

    async def retry(self, download_id: str) -> Download:
        """Lets a download that has failed or was cancelled begin again, with what is left of it."""
        request = RetryDownloadRequest(download_id=download_id)
        return await self._connection.call(self._stub.RetryDownload, request, once=True)

    async def update(
        self,
        download_id: str,
        *,
        priority: Priority | None = None,
        max_connections: int | None = None,
    ) -> Download:
        """Changes who goes first, or how many connections it may have; what is None stays."""
        changes = {"priority": priority, "max_connections": max_connections}
        request = requests.update_download(download_id, changes)
        return await self._connection.call(self._stub.UpdateDownload, request)

    async def delete(self, download_id: str) -> None:
        """Removes a download from the list, and what was fetched unless the model is installed."""
        request = DeleteDownloadRequest(download_id=download_id)
        await self._connection.call(self._stub.DeleteDownload, request, once=True)

    def watch(self, download_id: str = "") -> AsyncEventStream[DownloadEvent]:
        """Gives every download, or one, as it is now, then again when it changes; has no timeout.

        Never ends by itself: `follow` does when the download does.
        """
        request = WatchDownloadsRequest(download_id=download_id)
        return self._connection.stream(self._stub.WatchDownloads, request, endless=True)

    async def queue(self) -> DownloadQueue:
        """Tells how many downloads there are, whose turn it is, and how fast they are together."""
        return await self._connection.call(self._stub.GetDownloadQueue, GetDownloadQueueRequest())

    async def storage(self) -> Storage:
        """Tells what models and downloads take of the server's disk, and what is free."""
        return await self._connection.call(self._stub.GetStorage, GetStorageRequest())

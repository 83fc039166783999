"""Tools that bring models here. None deletes one."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from funland.v1.downloads_pb2 import Download, DownloadEvent
from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.dialects.rpcs import (
    CANCEL_DOWNLOAD,
    GET_DOWNLOAD,
    GET_STORAGE,
    LIST_DOWNLOADS,
    PAUSE_DOWNLOAD,
    RESUME_DOWNLOAD,
    START_DOWNLOAD,
    WATCH_DOWNLOADS,
)
from funland_gateway.failures import failure
from funland_gateway.mcp.fields import Field, fields
from funland_gateway.mcp.tool import LOOKS, Hints, Progress, Tool

_CHANGES: Final = Hints(repeats_safely=True)
_ID: Final = fields("download_id")

_DOWNLOAD: Final = (
    "download_id",
    "source",
    "state",
    "model_id",
    "quantization",
    "format",
    "downloaded_bytes",
    "total_bytes",
    "bytes_per_second",
    "remaining",
    "queue_position",
    "reason",
    Field("error", only=("message",)),
)


class _Waiting:
    """A download until it has ended, or rests."""

    def __init__(self, _: Message) -> None:
        self._latest: Download | None = None

    def see(self, event: DownloadEvent) -> Progress | None:
        """See `Gathering`."""
        if event.WhichOneof("event") == "deleted_download_id":
            raise failure(
                "NOT_FOUND",
                ErrorReason.DOWNLOAD_NOT_FOUND,
                "The download was taken from the list.",
                download_id=event.deleted_download_id,
            )
        if event.WhichOneof("event") != "download":
            return None
        self._latest = found = event.download
        return Progress(
            Download.State.Name(found.state).lower(),
            found.downloaded_bytes,
            found.total_bytes if found.HasField("total_bytes") else None,
        )

    def response(self) -> Download:
        """See `Gathering`."""
        if self._latest is None:
            raise failure("INTERNAL", ErrorReason.INTERNAL_ERROR, "The answer ended half-way.")
        return self._latest


DOWNLOADS: Final = (
    Tool(
        "pull_model",
        "Download a model",
        "Begins to download a model from a hub and to install it, and answers before it is here."
        " What suits the machine best is taken unless a variant is named. The download goes on by"
        " itself; wait_for_download tells when it has ended.",
        START_DOWNLOAD,
        fields("source", "hub", "variant", "revision", "format", "context_length", "model_id"),
        fields(*_DOWNLOAD),
        Hints(repeats_safely=True, leaves_the_machine=True),
    ),
    Tool(
        "wait_for_download",
        "Wait for a download",
        "Waits until a download is COMPLETED, FAILED, CANCELLED or PAUSED, and tells which. Who"
        " stops waiting stops nothing else.",
        WATCH_DOWNLOADS,
        (Field("download_id", must=True),),
        fields(*_DOWNLOAD),
        LOOKS,
        fixed={"until_end": True},
        gathers=_Waiting,
        gathered=GET_DOWNLOAD.output_type,
    ),
    Tool(
        "list_downloads",
        "List the downloads",
        "Lists the downloads of models, the newest first.",
        LIST_DOWNLOADS,
        fields("states", "model", "page_size", "page_token"),
        (Field("downloads", only=_DOWNLOAD), *fields("next_page_token", "total_size")),
        LOOKS,
    ),
    Tool(
        "get_download",
        "Look at a download",
        "Tells how far a download is.",
        GET_DOWNLOAD,
        _ID,
        fields(*_DOWNLOAD),
        LOOKS,
    ),
    Tool(
        "pause_download",
        "Pause a download",
        "Stops a download; resume_download lets it go on where it was.",
        PAUSE_DOWNLOAD,
        _ID,
        fields(*_DOWNLOAD),
        _CHANGES,
    ),
    Tool(
        "resume_download",
        "Resume a download",
        "Lets a paused download go on, or one that waits do so at once.",
        RESUME_DOWNLOAD,
        _ID,
        fields(*_DOWNLOAD),
        Hints(repeats_safely=True, leaves_the_machine=True),
    ),
    Tool(
        "cancel_download",
        "Cancel a download",
        "Ends a download and removes what was fetched of it.",
        CANCEL_DOWNLOAD,
        _ID,
        fields(*_DOWNLOAD),
        Hints(destroys=True, repeats_safely=True),
    ),
    Tool(
        "get_storage",
        "Look at the disk",
        "Tells what models and downloads take of the disk, and what is free.",
        GET_STORAGE,
        (),
        fields("total_bytes", "free_bytes", "models_bytes", "downloads_bytes", "models"),
        LOOKS,
    ),
)

"""What the events of a download that is followed mean."""

from __future__ import annotations

from typing import Final

import grpc

from funland.v1.downloads_pb2 import Download, DownloadEvent
from funland_client.errors import DownloadStoppedError, FunlandError, StreamBrokenError
from funland_client.status import error_from_wire

_ENDED: Final = frozenset(
    {Download.COMPLETED, Download.FAILED, Download.CANCELLED, Download.PAUSED}
)


def seen(event: DownloadEvent) -> Download | None:
    """The download that an event tells of, if it does.

    Raises DownloadStoppedError if it is deleted.
    """
    match event.WhichOneof("event"):
        case "download":
            return event.download
        case "deleted_download_id":
            raise DownloadStoppedError("The download was deleted.", None)
        case _:  # Kinds may be added.
            return None


def has_ended(download: Download | None) -> bool:
    """Whether a download goes on no more, for whatever reason."""
    return download is not None and download.state in _ENDED


def check_end(download: Download | None) -> None:
    """Raises StreamBrokenError if a stream has ended whose download goes on."""
    if not has_ended(download):
        raise StreamBrokenError(
            "The connection to the server was lost; the download goes on.",
            code=grpc.StatusCode.UNAVAILABLE,
        )


def failure(download: Download) -> FunlandError | None:
    """What to raise for a download that has ended; None if its model is installed."""
    if download.state == Download.COMPLETED:
        return None
    if download.HasField("error"):
        return error_from_wire(download.error)
    word = "paused" if download.state == Download.PAUSED else "cancelled"
    return DownloadStoppedError(f"The download was {word}.", download)

"""`/api/pull`: a download, told line by line as Ollama tells it; and `/api/push`, which is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from funland.v1.downloads_pb2 import (
    Download,
    DownloadEvent,
    DownloadFile,
    StartDownloadRequest,
    WatchDownloadsRequest,
)
from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects.dialect import Incoming, Reply, Step, Streaming, Unary, json_reply
from funland_gateway.dialects.ollama.names import asked_name, hub_of, plain
from funland_gateway.dialects.reading import unsupported
from funland_gateway.dialects.rpcs import START_DOWNLOAD, WATCH_DOWNLOADS
from funland_gateway.dialects.sources import NAME_IS_TAKEN
from funland_gateway.failures import CallFailed, failure

SUCCESS: Final = "success"
_MANIFEST: Final = "pulling manifest"
_CHECKED: Final = ("verifying sha256 digest", "writing manifest")
_NAMES: Final = {"source": "model", "hub": "model"}
_DIGITS: Final = 12
"""Of a digest in a status, as Ollama shows it; clients tell layers apart by the whole."""


def pull(incoming: Incoming) -> Unary:
    """Starts a download, and tells of it until it has ended. It belongs to the server: it goes on
    when its caller leaves."""
    body = incoming.body
    name = plain(asked_name(body))
    body.boolean("insecure")  # a hub is asked as the settings have it
    streams = body.boolean("stream") is not False

    def started(download: Download) -> Step:
        watch = WatchDownloadsRequest(download_id=download.download_id, until_end=True)
        if streams:
            return Streaming(WATCH_DOWNLOADS, watch, _Progress(), is_last=is_complete)
        return Unary(WATCH_DOWNLOADS, watch, _ended)

    request = StartDownloadRequest(source=name, hub=hub_of(name))
    return Unary(START_DOWNLOAD, request, started, _field_name, words=NAME_IS_TAKEN)


def push(incoming: Incoming) -> Reply:
    """Refuses: models come from hubs, and none goes there."""
    asked_name(incoming.body)
    raise unsupported("model", "no model is pushed to a hub.")


def is_complete(event: DownloadEvent) -> bool:
    """Whether the model is installed with this event."""
    return event.download.state == Download.COMPLETED


def _field_name(path: str) -> str:
    return _NAMES.get(path, path)


def _ended(events: list[DownloadEvent]) -> Reply:
    for event in events:
        _raise_what_ended(event)
    if not any(map(is_complete, events)):
        raise failure("INTERNAL", ErrorReason.INTERNAL_ERROR, "The answer ended half-way.")
    return json_reply({"status": SUCCESS})


class _Progress:
    """The lines of one download; what is as it was told is not told again."""

    def __init__(self) -> None:
        self._told: dict[str, bytes] = {}
        """The last line of each status."""

    def __call__(self, event: DownloadEvent) -> Iterator[bytes]:
        _raise_what_ended(event)
        if event.WhichOneof("event") == "download":
            for line in _lines(event.download):
                told = orjson.dumps(line)
                if self._told.get(line["status"]) != told:
                    self._told[line["status"]] = told
                    yield told


def _lines(download: Download) -> Iterator[dict[str, Any]]:
    yield {"status": _MANIFEST}
    if download.state == Download.WAITING:
        yield {"status": f"waiting for the hub: {download.error.message}"}
    if download.state in (Download.DOWNLOADING, Download.INSTALLING, Download.COMPLETED):
        yield from map(_file, download.files)
    if download.state in (Download.INSTALLING, Download.COMPLETED):
        yield from ({"status": status} for status in _CHECKED)
    if download.state == Download.COMPLETED:
        yield {"status": SUCCESS}


def _file(file: DownloadFile) -> dict[str, Any]:
    line: dict[str, Any] = {"status": f"pulling {file.sha256[:_DIGITS] or file.path}"}
    if file.sha256:
        line["digest"] = f"sha256:{file.sha256}"
    if file.HasField("size_bytes"):
        line["total"] = file.size_bytes
    return {**line, "completed": file.downloaded_bytes}


def _raise_what_ended(event: DownloadEvent) -> None:
    """A download that ended without a model is a failure of the call."""
    download = event.download
    if download.state == Download.FAILED or (
        download.state == Download.PAUSED and download.HasField("error")
    ):
        error = Error()
        error.CopyFrom(download.error)
        raise CallFailed(error)
    ended = {Download.PAUSED: "was paused", Download.CANCELLED: "was cancelled"}.get(download.state)
    if event.WhichOneof("event") == "deleted_download_id":
        ended = "was deleted"
    if ended is not None:
        raise failure(
            "FAILED_PRECONDITION",
            ErrorReason.DOWNLOAD_STATE,
            f"The download {ended} before it was complete: pull it again.",
        )

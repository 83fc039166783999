"""`models/download`, `downloads` and `downloads/{download_id}/control`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland.v1 import downloads_pb2
from funland.v1.downloads_pb2 import Download
from funland.v1.models_pb2 import Origin
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.hellovm.answers import checked_id, done
from funland_gateway.dialects.hellovm.formats import read_format
from funland_gateway.dialects.hellovm.tasks import listed, started
from funland_gateway.dialects.query import Parameter, one_of, text, whole_number
from funland_gateway.dialects.reading import JsonObject, chosen, invalid, unsupported
from funland_gateway.dialects.rpcs import (
    CANCEL_DOWNLOAD,
    GET_DOWNLOAD_QUEUE,
    LIST_DOWNLOADS,
    PAUSE_DOWNLOAD,
    RESUME_DOWNLOAD,
    RETRY_DOWNLOAD,
    START_DOWNLOAD,
)
from funland_gateway.dialects.sources import NAME_IS_TAKEN, STATES, status_word
from funland_gateway.dialects.times import moment

STORE: Final = "/models"
"""What the document calls the folder where the server keeps its models, wherever that is."""

PRIORITIES: Final[Mapping[str, Download.Priority.ValueType]] = {
    "low": Download.LOW,
    "normal": Download.NORMAL,
    "high": Download.HIGH,
}
ACTIONS: Final[Mapping[str, tuple[MethodDescriptor, str]]] = {
    "pause": (PAUSE_DOWNLOAD, "Download paused successfully"),
    "resume": (RESUME_DOWNLOAD, "Download resumed successfully"),
    "cancel": (CANCEL_DOWNLOAD, "Download cancelled successfully"),
    "retry": (RETRY_DOWNLOAD, "Download restarted successfully"),
}

STATUS: Final = one_of("status", "Only downloads of this status.", STATES, ())
MODEL_ID: Final = text("model_id", "Only downloads of this model.")
LIMIT: Final = whole_number("limit", "At most this many.", 1, 1000, 100)

LIST_QUERY: Final[tuple[Parameter[Any], ...]] = (STATUS, MODEL_ID, LIMIT)

_START_NAMES: Final = {
    "source": "model_id",
    "variant": "quantization",
    "max_connections": "options.max_threads",
    "priority": "options.priority",
}


def start(incoming: Incoming) -> Unary:
    """Asks for a download."""
    body = incoming.body
    model_id = checked_id(body.string("model_id"))
    if body.optional_string("download_path") not in ("", STORE):
        raise unsupported(
            "download_path",
            f"models are kept in the server's own store: leave it out, or say {STORE}.",
        )
    options = body.object("options") or JsonObject({}, "options")
    for name in ("resume_download", "verify_checksum"):
        if options.boolean(name) is False:
            raise unsupported(options.path_of(name), "downloads always go on, and are verified.")
    request = downloads_pb2.StartDownloadRequest(
        source=model_id,
        hub=Origin.MODELSCOPE,
        variant=body.optional_string("quantization"),
        format=read_format("format", body.optional_string("format")),
        max_connections=options.integer("max_threads"),
        priority=chosen(
            options.path_of("priority"),
            options.optional_string("priority"),
            PRIORITIES,
            Download.PRIORITY_UNSPECIFIED,
        ),
    )

    def answer(download: Download) -> Reply:
        return done(incoming, started(download, incoming.time), "Download started successfully")

    return Unary(
        START_DOWNLOAD,
        request,
        answer,
        lambda path: _START_NAMES.get(path, path),
        words=NAME_IS_TAKEN,
    )


def list_downloads(incoming: Incoming) -> Unary:
    """Asks for the downloads, then for what they are together."""
    request = downloads_pb2.ListDownloadsRequest(
        states=STATUS.of(incoming.query),
        model=MODEL_ID.of(incoming.query),
        page_size=LIMIT.of(incoming.query),
    )

    def answer(found: downloads_pb2.ListDownloadsResponse) -> Unary:
        def summed(queue: downloads_pb2.DownloadQueue) -> Reply:
            downloads = [listed(download, incoming.time) for download in found.downloads]
            return done(incoming, {"downloads": downloads, "summary": _summary(queue)})

        return Unary(GET_DOWNLOAD_QUEUE, downloads_pb2.GetDownloadQueueRequest(), summed)

    return Unary(LIST_DOWNLOADS, request, answer, _list_names)


def control(incoming: Incoming) -> Unary:
    """Pauses, resumes, cancels or tries again. The reason is read, and nothing is done with it."""
    action = incoming.body.string("action")
    incoming.body.optional_string("reason")
    if action not in ACTIONS:
        raise invalid("action", f"must be one of {', '.join(ACTIONS)}")
    rpc, message = ACTIONS[action]
    request: Message = GetMessageClass(rpc.input_type)(download_id=incoming.path["download_id"])

    def answer(download: Download) -> Reply:
        data = {
            "download_id": download.download_id,
            "status": status_word(download.state),
            "action": action,
            "timestamp": moment(download, "update_time", "create_time"),
        }
        return done(incoming, data, message)

    return Unary(rpc, request, answer)


def _list_names(path: str) -> str:
    return {"model": MODEL_ID.name, "page_size": LIMIT.name, "states": STATUS.name}.get(path, path)


def _summary(queue: downloads_pb2.DownloadQueue) -> dict[str, Any]:
    """All downloads, whatever the list was narrowed to."""
    active = len(queue.active)
    ended = queue.completed + queue.failed + queue.cancelled
    return {
        "total_downloads": len(queue.queued) + active + queue.paused + ended,
        "active_downloads": active,
        "completed_downloads": queue.completed,
        "failed_downloads": queue.failed,
        "total_speed": round(queue.bytes_per_second),
        "total_downloaded": queue.downloaded_bytes,
    }

"""Download tasks: start, pause, resume, cancel, delete, one, all, the queue and the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland.v1 import downloads_pb2
from funland.v1.models_pb2 import Origin
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.manager.answers import PAGE, PAGE_SIZE, done, paged, skipped
from funland_gateway.dialects.manager.errors import SOURCE
from funland_gateway.dialects.manager.tasks import task
from funland_gateway.dialects.query import one_of
from funland_gateway.dialects.reading import chosen
from funland_gateway.dialects.rpcs import (
    CANCEL_DOWNLOAD,
    DELETE_DOWNLOAD,
    GET_DOWNLOAD,
    GET_DOWNLOAD_QUEUE,
    GET_STORAGE,
    LIST_DOWNLOADS,
    PAUSE_DOWNLOAD,
    RESUME_DOWNLOAD,
    START_DOWNLOAD,
)
from funland_gateway.dialects.sizes import gigabytes, rate
from funland_gateway.dialects.sources import HUBS, NAME_IS_TAKEN, STATES

STATUS: Final = one_of("status", "Only tasks of this status.", STATES, ())

_MOST_SKIPPED: Final = 100_000
_MODEL: Final = "model_id"


def start(incoming: Incoming) -> Unary:
    """Asks for a download."""
    request = downloads_pb2.StartDownloadRequest(
        source=incoming.body.string(_MODEL),
        hub=chosen(SOURCE, incoming.body.optional_string(SOURCE), HUBS, Origin.HUB_UNSPECIFIED),
    )

    def answer(download: downloads_pb2.Download) -> Reply:
        told = "Download task created"
        return done(incoming, {"task": task(download), "message": told}, told)

    return Unary(START_DOWNLOAD, request, answer, _start_names, words=NAME_IS_TAKEN)


def get_task(incoming: Incoming) -> Unary:
    """Asks for a task."""
    return _of_task(incoming, GET_DOWNLOAD, task)


def pause(incoming: Incoming) -> Unary:
    """Stops a task for now."""
    return _of_task(incoming, PAUSE_DOWNLOAD, task, "Download paused")


def resume(incoming: Incoming) -> Unary:
    """Lets a paused task go on."""
    return _of_task(incoming, RESUME_DOWNLOAD, task, "Download resumed")


def cancel(incoming: Incoming) -> Unary:
    """Ends a task."""
    return _of_task(incoming, CANCEL_DOWNLOAD, task, "Download cancelled")


def delete(incoming: Incoming) -> Unary:
    """Removes a task from the list."""
    gone = {"id": incoming.path["task_id"]}
    return _of_task(incoming, DELETE_DOWNLOAD, lambda _: gone, "Download task deleted")


def list_tasks(incoming: Incoming) -> Unary:
    """Asks for a page of tasks."""
    request = downloads_pb2.ListDownloadsRequest(
        states=STATUS.of(incoming.query),
        page_size=PAGE_SIZE.of(incoming.query),
        skip=skipped(incoming, _MOST_SKIPPED),
    )

    def answer(found: downloads_pb2.ListDownloadsResponse) -> Reply:
        items = [task(download) for download in found.downloads]
        more = bool(found.next_page_token)
        return done(incoming, paged(incoming, items, found.total_size, more=more))

    return Unary(LIST_DOWNLOADS, request, answer, _list_names)


def get_queue(incoming: Incoming) -> Unary:
    """Asks how many tasks there are, and how fast they are together."""

    def answer(queue: downloads_pb2.DownloadQueue) -> Reply:
        limited = queue.HasField("max_bytes_per_second")
        data = {
            "active": [task(download) for download in queue.active],
            "pending": [task(download) for download in queue.queued],
            "active_count": len(queue.active),
            "pending_count": len(queue.queued),
            "paused_count": queue.paused,
            "completed_count": queue.completed,
            "failed_count": queue.failed,
            "cancelled_count": queue.cancelled,
            "max_active": queue.max_active,
            "speed": rate(queue.bytes_per_second),
            "max_speed": rate(queue.max_bytes_per_second) if limited else None,
        }
        return done(incoming, data)

    return Unary(GET_DOWNLOAD_QUEUE, downloads_pb2.GetDownloadQueueRequest(), answer)


def get_storage(incoming: Incoming) -> Unary:
    """Asks what is on the disk, and what is free."""

    def answer(disk: downloads_pb2.Storage) -> Reply:
        used = disk.total_bytes - disk.free_bytes
        data = {
            "total_gb": gigabytes(disk.total_bytes),
            "used_gb": gigabytes(used),
            "free_gb": gigabytes(disk.free_bytes),
            "usage_percent": round(100 * used / max(disk.total_bytes, 1), 1),
            "models": disk.models,
            "models_gb": gigabytes(disk.models_bytes),
            "downloads_gb": gigabytes(disk.downloads_bytes),
            "reserved_gb": gigabytes(disk.reserved_bytes),
        }
        return done(incoming, data)

    return Unary(GET_STORAGE, downloads_pb2.GetStorageRequest(), answer)


def _of_task(
    incoming: Incoming,
    rpc: MethodDescriptor,
    data: Callable[[Any], Mapping[str, Any]],
    message: str = "Success",
) -> Unary:
    """A call of an RPC that wants the task's id alone."""
    request: Message = GetMessageClass(rpc.input_type)(download_id=incoming.path["task_id"])

    def answer(response: Any) -> Reply:
        return done(incoming, data(response), message)

    return Unary(rpc, request, answer, lambda path: "task_id" if path == "download_id" else path)


def _start_names(path: str) -> str:
    """`source` is the model in the contract, and the hub here."""
    return {"source": _MODEL, "hub": SOURCE}.get(path, path)


def _list_names(path: str) -> str:
    return {"states": STATUS.name, "skip": PAGE.name}.get(path, path)

"""Downloads as the `hellovm` document has them, with sizes and times as numbers."""

from __future__ import annotations

from typing import Any

from funland.v1.downloads_pb2 import Download
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.progress import percent, remaining_seconds
from funland_gateway.dialects.sources import model_id, status_word
from funland_gateway.dialects.times import moment, utc
from funland_gateway.failures import reason_name


def progress(download: Download) -> dict[str, Any]:
    """How far it is: bytes, bytes a second, seconds. What is not known is None."""
    remaining = remaining_seconds(download)
    return {
        "percent": percent(download),
        "downloaded_bytes": download.downloaded_bytes,
        "total_bytes": optional(download, "total_bytes"),
        "speed": round(download.bytes_per_second),
        "eta": None if remaining is None else round(remaining),
    }


def started(download: Download, now: float) -> dict[str, Any]:
    """What the start of a download answers."""
    return {
        "download_id": download.download_id,
        "model_id": model_id(download),
        "status": status_word(download.state),
        "progress": progress(download),
        "threads": download.max_connections,
        **_times(download, now),
    }


def listed(download: Download, now: float) -> dict[str, Any]:
    """A download in the list."""
    failed = download.HasField("error")
    return {
        "id": download.download_id,
        "model_id": model_id(download),
        "model_name": model_id(download).rpartition("/")[2],
        "filename": download.files[0].path if download.files else None,
        "status": status_word(download.state),
        "progress": progress(download),
        "threads": download.max_connections,
        "active_connections": download.active_connections,
        "max_connections": download.max_connections,
        "resumable": optional(download, "resumable"),
        **_times(download, now),
        "completion_time": moment(download, "end_time"),
        "checksum_verified": download.verified,
        "error": reason_name(download.error) if failed else None,
        "error_message": download.error.message if failed else None,
    }


def _times(download: Download, now: float) -> dict[str, Any]:
    remaining = download.HasField("remaining")
    left = download.remaining.ToTimedelta().total_seconds() if remaining else None
    return {
        # The caller started it when it was asked for, though it may still wait for its turn.
        "start_time": moment(download, "start_time", "create_time"),
        "estimated_completion": None if left is None else utc(now + left),
    }

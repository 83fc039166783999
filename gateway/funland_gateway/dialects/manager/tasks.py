"""Downloads as the `manager` document has them: tasks, with sizes and times as texts."""

from __future__ import annotations

from typing import Any

from funland.v1.downloads_pb2 import Download
from funland_gateway.dialects.manager.errors import error_code
from funland_gateway.dialects.progress import percent, remaining_seconds
from funland_gateway.dialects.sizes import clock, rate, size
from funland_gateway.dialects.sources import hub_name, model_id, status_word
from funland_gateway.dialects.times import moment


def task(download: Download) -> dict[str, Any]:
    """All of a task. What is not known yet is None."""
    remaining = remaining_seconds(download)
    failed = download.HasField("error")
    return {
        "id": download.download_id,
        "model_id": model_id(download),
        "source": hub_name(download.origin.hub),
        "status": status_word(download.state),
        "progress": percent(download),
        "downloaded_size": size(download.downloaded_bytes),
        "total_size": size(download.total_bytes) if download.HasField("total_bytes") else None,
        "speed": rate(download.bytes_per_second),
        "eta": None if remaining is None else clock(remaining),
        "queue_position": download.queue_position or None,
        "error": error_code(download.error) if failed else None,
        "error_message": download.error.message if failed else None,
        "created_at": moment(download, "create_time"),
        "updated_at": moment(download, "update_time", "create_time"),
    }

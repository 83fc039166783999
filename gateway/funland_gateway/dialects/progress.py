"""How far a download is, in numbers that older APIs have and the contract has not."""

from __future__ import annotations

from funland.v1.downloads_pb2 import Download


def percent(download: Download) -> float | None:
    """How much is there of 100, with one decimal; None if that can't be known, for the hub has not
    told the size."""
    if download.state == Download.COMPLETED:
        return 100.0
    if not download.downloaded_bytes:
        return 0.0
    if not download.HasField("total_bytes"):
        return None
    # 100 is what is complete.
    part = download.downloaded_bytes / max(download.total_bytes, 1)
    return min(round(100 * part, 1), 99.9)


def remaining_seconds(download: Download) -> float | None:
    """How long it will take at its present speed; None if that can't be known."""
    if download.state == Download.COMPLETED:
        return 0.0
    if not download.HasField("remaining"):
        return None
    return download.remaining.ToTimedelta().total_seconds()

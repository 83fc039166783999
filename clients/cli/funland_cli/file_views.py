"""Tells people of files that the server keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from funland.v1.files_pb2 import File
from funland_cli.output import size, span
from funland_cli.views import ago

COLUMNS: Final = ("FILE", "NAME", "PURPOSE", ">SIZE", "KEPT SINCE", "FOR")


def row(file: File, now: datetime) -> tuple[str, ...]:
    """A file in a list of them."""
    return (
        file.file_id,
        file.name,
        file.purpose,
        size(file.size_bytes) or "0 B",
        ago(file.create_time, now),
        _left(file, now),
    )


def all_of(file: File, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a file, by name; what is not known is empty."""
    yield "file", file.file_id
    yield "name", file.name
    yield "purpose", file.purpose
    yield "holds", file.media_type
    yield "size", size(file.size_bytes) or "0 B"
    yield "sha256", file.sha256
    yield "made by", file.task_id
    yield "kept since", ago(file.create_time, now)
    yield "for", _left(file, now)


def _left(file: File, now: datetime) -> str:
    """How long it is still kept; empty if until it is deleted."""
    if not file.HasField("expire_time"):
        return ""
    return span(max((file.expire_time.ToDatetime(tzinfo=UTC) - now).total_seconds(), 0))

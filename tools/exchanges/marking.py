"""Marks what is another value in each run, so that the rest of two exchanges can be compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, cast

VOLATILE: Final = frozenset(
    {
        "timestamp", "request_id", "version", "created_at", "updated_at", "synced_at", "start_time",
        "estimated_completion", "completion_time", "last_updated", "progress", "percent", "speed",
        "total_speed", "eta", "downloaded_size", "downloaded_bytes", "total_downloaded",
        "active_connections", "resumable", "total_gb", "used_gb", "free_gb", "usage_percent",
        "downloads_gb", "reserved_gb", "queue_position",
    }
)  # fmt: skip
"""Fields whose values depend on the time, the machine or the speed of the run."""

MARK: Final = "(volatile)"


def marked(
    value: Any,
    names: Mapping[str, str],
    volatile: Collection[str] = VOLATILE,
    cut: Collection[str] = (),
) -> Any:
    """The value with a mark in place of all that is volatile.

    `names` are texts to be replaced wherever they stand, such as ids and addresses; of the lists
    that `cut` names the first item stays.
    """
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {
            key: _mark(item)
            if key in volatile
            else marked(item[:1] if key in cut else item, names, volatile, cut)
            for key, item in fields.items()
        }
    if isinstance(value, list):
        return [marked(item, names, volatile, cut) for item in cast("list[Any]", value)]
    if isinstance(value, str):
        for text, name in names.items():
            value = value.replace(text, name)
    return value


def _mark(value: Any) -> Any:
    """Parts of what is volatile are volatile. Null may have a value in another run."""
    if isinstance(value, dict):
        return {key: _mark(item) for key, item in cast("dict[str, Any]", value).items()}
    return MARK

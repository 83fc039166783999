"""Times as older APIs write them: ISO 8601, in UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message


def utc(seconds: float) -> str:
    """A time in seconds since 1970 as `2024-11-14T10:30:00Z`."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def moment(message: Message, *fields: str) -> str | None:
    """The first of a message's timestamps that is set; None if none is."""
    for field in fields:
        if message.HasField(field):
            return utc(getattr(message, field).seconds)
    return None

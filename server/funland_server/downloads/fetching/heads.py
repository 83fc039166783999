"""What the head of an answer means for the part that was asked for: a pure check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from funland_server.downloads.fetching.ranges import (
    content_length,
    content_range,
    identity_of,
    is_same,
)
from funland_server.downloads.fetching.verdicts import Kind
from funland_server.downloads.files.journal import Identity


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, and what is known of the file."""

    start: int
    end: int | None
    """None: the whole file was asked for, without a range."""
    route: str
    size: int | None
    """As the hub told; None if it did not."""
    bound: Identity | None
    """What this server said of the file before."""


@dataclass(frozen=True, slots=True)
class Head:
    """Bytes that fit follow: from `start` up to `end`, or to wherever the body ends."""

    start: int
    end: int | None
    identity: Identity | None
    """None: nobody knows how long the file is."""
    ranged: bool


def read_head(status: int, headers: Mapping[str, str], wanted: Wanted) -> Head | Kind:
    """The head, or how the answer fails."""
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if status in (200, 206) and encoding not in ("", "identity"):
        return Kind.ENCODED
    match status:
        case 206:
            return _part(headers, wanted)
        case 200:
            return _whole(headers, wanted)
        case 416:
            return Kind.BEYOND_END
        case _:
            return Kind.STATUS


def _part(headers: Mapping[str, str], wanted: Wanted) -> Head | Kind:
    told = content_range(headers)
    if told is None or wanted.end is None:
        return Kind.WRONG_RANGE
    size = told.total
    if size is None:
        size = wanted.bound.size if wanted.bound is not None else wanted.size
    if size is None:
        return Kind.WRONG_RANGE
    identity = identity_of(headers, size, wanted.route)
    if wanted.bound is not None and not is_same(wanted.bound, identity):
        return Kind.CHANGED
    if wanted.size is not None and size != wanted.size:
        return Kind.WRONG_SIZE
    if told.start != wanted.start or told.end > wanted.end:
        return Kind.WRONG_RANGE
    return Head(told.start, told.end, identity, ranged=True)


def _whole(headers: Mapping[str, str], wanted: Wanted) -> Head | Kind:
    length = content_length(headers)
    size = length if length is not None else wanted.size
    identity = None if size is None else identity_of(headers, size, wanted.route)
    if wanted.bound is not None and (identity is None or not is_same(wanted.bound, identity)):
        return Kind.CHANGED
    if wanted.size is not None and size != wanted.size:
        return Kind.WRONG_SIZE
    if wanted.start > 0:
        return Kind.NO_RANGE
    return Head(0, size, identity, ranged=False)

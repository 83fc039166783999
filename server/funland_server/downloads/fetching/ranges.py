"""What the head of an answer says of a file and of the part that follows: pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from funland_server.downloads.files.journal import LONGEST_TAG, Identity

_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_NOT_THERE: Final = re.compile(r"bytes \*/(\d{1,18})")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_SHA1: Final = re.compile(r"[0-9a-fA-F]{40}")
_LENGTH: Final = re.compile(r"\d{1,18}")


@dataclass(frozen=True, slots=True)
class ContentRange:
    """The bytes from `start` up to `end` of a file of `total` bytes; None: not told."""

    start: int
    end: int
    total: int | None


def content_range(headers: Mapping[str, str]) -> ContentRange | None:
    """What a 206 holds; None if it does not say, or holds several parts."""
    match = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if match is None:
        return None
    start, end = int(match[1]), int(match[2]) + 1
    total = None if match[3] == "*" else int(match[3])
    if end <= start or (total is not None and end > total):
        return None
    return ContentRange(start, end, total)


def size_beyond(headers: Mapping[str, str]) -> int | None:
    """The size of a file, as a 416 tells it."""
    match = _NOT_THERE.fullmatch(headers.get("Content-Range", "").strip())
    return int(match[1]) if match else None


def content_length(headers: Mapping[str, str]) -> int | None:
    """How many bytes follow; None if that is not told."""
    text = headers.get("Content-Length", "").strip()
    return int(text) if _LENGTH.fullmatch(text) else None


def identity_of(headers: Mapping[str, str], size: int, route: str) -> Identity:
    """Which version of the file an answer has."""
    etag = headers.get("ETag", "").strip()
    modified = headers.get("Last-Modified", "").strip()
    return Identity(
        size=size,
        etag=etag if len(etag) <= LONGEST_TAG else "",
        last_modified=modified if len(modified) <= LONGEST_TAG else "",
        route=route,
    )


def is_same(one: Identity, other: Identity) -> bool:
    """Whether two answers of one route may be of the same version: nothing that both tell
    differs. A weak ETag counts here, since the bytes of two weak equals may only differ if the
    size may."""
    return (
        one.size == other.size
        and _agree(one.etag, other.etag)
        and (bool(one.etag and other.etag) or _agree(one.last_modified, other.last_modified))
    )


def if_range(identity: Identity) -> str | None:
    """What to send as If-Range, so that another version comes whole (RFC 9110, 13.1.5): a strong
    ETag, else the time; None if there is neither."""
    if identity.etag.startswith('"') and identity.etag.endswith('"'):
        return identity.etag
    return identity.last_modified or None


def told_sha256(answers: Iterable[Mapping[str, str]]) -> str:
    """The SHA-256 that a hub names in a header, on the redirect or the answer; empty if none."""
    for headers in answers:
        linked = headers.get("X-Linked-ETag", "").strip().removeprefix("W/").strip('"')
        if _SHA256.fullmatch(linked):
            return linked.lower()
    return ""


def told_git_sha1(answers: Iterable[Mapping[str, str]]) -> str:
    """The id of a git blob, which HuggingFace has as the ETag of a small file; empty if none."""
    for headers in answers:
        etag = headers.get("ETag", "").strip().removeprefix("W/").strip('"')
        if "X-Repo-Commit" in headers and _SHA1.fullmatch(etag):
            return etag.lower()
    return ""


def _agree(one: str, other: str) -> bool:
    return not one or not other or one == other

"""Reads a batch's file: its lines as they are asked, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

import orjson

from funland.v1.batches_pb2 import BatchError

MOST_LINES: Final = 50_000
"""OpenAI's own bound."""

LONGEST_LINE: Final = 32 * 1024**2
"""Bytes of a line: as many as the gateway takes for the body of a call, unless it is told other."""

MOST_ERRORS: Final = 100
"""How many of a file's errors are told."""

_MARK: Final = b"\xef\xbb\xbf"  # some editors begin a file with it


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that asks something."""

    number: int
    """From 1, as editors count."""
    custom_id: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What a file has, all lines together."""

    total: int
    """How many lines ask something."""
    model: str
    """The model of all of them; empty: they have several, or name none."""
    errors: tuple[BatchError, ...]
    """What is wrong, the first that is; empty: all lines can be asked."""


def read_entries(
    file: BinaryIO, endpoint: str, longest: int = LONGEST_LINE
) -> Iterator[Entry | BatchError]:
    """The lines of a file in their order; empty ones are passed over. Blocks."""
    number = 0
    while raw := file.readline(longest + 1):
        number += 1
        if len(raw) > longest and not raw.endswith(b"\n"):
            while (rest := file.readline(longest)) and not rest.endswith(b"\n"):
                pass
            told = f"This line has more than {longest} bytes, the most that one may have."
            yield BatchError(code="line_too_long", line=number, message=told)
            continue
        line = raw.removeprefix(_MARK) if number == 1 else raw
        if line.strip():
            yield read_entry(line, number, endpoint)


def read_entry(line: bytes, number: int, endpoint: str) -> Entry | BatchError:
    """What a line asks, or what is wrong with it first."""
    try:
        value: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        told = "This line is no JSON: give each request a line."
        return BatchError(code="invalid_json_line", line=number, message=told)
    if not isinstance(value, dict):
        told = "This line is JSON, but no object."
        return BatchError(code="invalid_json_line", line=number, message=told)
    members = cast("dict[str, Any]", value)
    if (wrong := _wrong(members, endpoint)) is not None:
        code, param, told = wrong
        return BatchError(code=code, line=number, message=f"{param} {told}.", param=param)
    return Entry(number, members["custom_id"], members["body"])


def _wrong(members: Mapping[str, Any], endpoint: str) -> tuple[str, str, str] | None:
    """A code, the property that is to blame, and what is wrong with it; None: nothing is."""
    for name in ("custom_id", "method", "url", "body"):
        if members.get(name) is None:
            return "missing_required_parameter", name, "is missing"
    if not isinstance(members["custom_id"], str) or not members["custom_id"]:
        return "invalid_type", "custom_id", "must be a text that is not empty"
    if members["method"] != "POST":
        return "invalid_method", "method", "must be POST"
    if members["url"] != endpoint:
        return "url_mismatch", "url", f"must be the batch's endpoint, {endpoint}"
    if not isinstance(members["body"], dict):
        return "invalid_type", "body", "must be an object"
    return None


def check(entries: Iterator[Entry | BatchError], most: int = MOST_LINES) -> Content:
    """Goes through a whole file. Blocks."""
    errors: list[BatchError] = []
    first: dict[str, int] = {}
    models: set[str] = set()
    total = 0
    for entry in entries:
        total += 1
        if total > most:
            told = f"The file has more than {most} lines, the most that a batch may have."
            errors.append(BatchError(code="too_many_tasks", message=told))
            break
        if isinstance(entry, BatchError):
            errors.append(entry)
            continue
        before = first.setdefault(entry.custom_id, entry.number)
        if before != entry.number:
            told = f"custom_id is that of line {before}: give each line its own."
            errors.append(_duplicate(entry.number, told))
        if len(models) < 2:  # noqa: PLR2004 - two are several
            model = entry.body.get("model")
            models.add(model if isinstance(model, str) else "")
    if not total:
        errors.append(BatchError(code="empty_file", message="The file has no requests."))
    return Content(total, models.pop() if len(models) == 1 else "", tuple(errors[:MOST_ERRORS]))


def _duplicate(number: int, message: str) -> BatchError:
    return BatchError(code="duplicate_custom_id", line=number, message=message, param="custom_id")

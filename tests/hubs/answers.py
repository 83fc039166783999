"""What the fake hub answers, before it is sent: pure values and the rules of ranges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import orjson

from tests.hubs import content
from tests.hubs.content import Content

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers and content; what is sent is the content from `start` to `stop`."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: Content | None = None
    start: int = 0
    stop: int | None = None
    ranges: bool = False
    """Whether Range is honoured."""
    if_range: bool = True
    """Whether If-Range is."""

    delay: float = 0
    """Seconds before anything is sent."""
    rate: float | None = None
    """Bytes a second."""
    cut_at: int | None = None
    """The connection is closed after so many bytes of the body."""
    reset: bool = False
    """It is closed with a reset."""
    stall_at: int | None = None
    """Nothing comes after so many bytes of the body, until the test lets it."""
    silent: bool = False
    """Not even a status comes, until the test lets it."""
    chunked: bool = False
    """No Content-Length."""
    gzipped: bool = False
    """The body is compressed."""
    told: int | None = None
    """The Content-Length, where it is not the body's."""

    @property
    def length(self) -> int | None:
        """The bytes of the body; None has no end."""
        if self.content is None:
            return 0
        end = self.content.size if self.stop is None else self.stop
        return None if end is None else max(0, end - self.start)

    def with_headers(self, **headers: str | None) -> Answer:
        """The same with other headers, `_` for `-`; None takes one away."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        taken = {name.lower() for name in named}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in taken}
        new = {name: value for name, value in named.items() if value is not None}
        return replace(self, headers={**kept, **new})

    def header(self, name: str) -> str | None:
        """The value of a header, however it is written."""
        return next(
            (value for key, value in self.headers.items() if key.lower() == name.lower()), None
        )


def json_answer(data: Any, status: int = 200, **headers: str) -> Answer:
    """An answer of JSON."""
    body = content.of(orjson.dumps(data))
    answer = Answer(status, {"Content-Type": "application/json"}, body)
    return answer.with_headers(**headers)


def text_answer(text: str, status: int = 200, **headers: str) -> Answer:
    """An answer of words."""
    answer = Answer(status, {"Content-Type": "text/plain; charset=utf-8"}, content.of(text))
    return answer.with_headers(**headers)


def file_answer(body: Content, etag: str, modified: datetime, **headers: str) -> Answer:
    """A file's bytes, which may be asked for in ranges."""
    answer = Answer(content=body, ranges=True)
    return answer.with_headers(
        Content_Type="application/octet-stream",
        Accept_Ranges="bytes",
        ETag=f'"{etag}"',
        Last_Modified=format_datetime(modified, usegmt=True),
        **headers,
    )


def redirect(location: str, status: int = 302) -> Answer:
    """A way to another place."""
    return Answer(status, {"Location": location})


def in_range(answer: Answer, asked: Mapping[str, str]) -> Answer:
    """Cuts an answer down to the range that its request names (RFC 9110, sections 13 and 14)."""
    wanted = _RANGE.fullmatch(asked.get("Range", ""))
    if answer.status != 200 or not answer.ranges or wanted is None or answer.content is None:
        return answer
    if answer.if_range and asked.get("If-Range") not in (None, *_validators(answer)):
        return answer
    size = answer.content.length
    first, last = wanted.groups()
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    else:
        start, stop = max(0, size - int(last or 0)), size
    if start >= stop:
        empty = replace(answer, status=416, content=content.of(b""), ranges=False)
        return empty.with_headers(Content_Range=f"bytes */{size}")
    part = replace(answer, status=206, start=start, stop=stop)
    return part.with_headers(Content_Range=f"bytes {start}-{stop - 1}/{size}")


def _validators(answer: Answer) -> list[str]:
    found = (answer.header("ETag"), answer.header("Last-Modified"))
    return [value for value in found if value is not None and not value.startswith("W/")]

"""The ways in which a hub, a mirror or the line to it goes wrong."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from tests.hubs import content
from tests.hubs.answers import Answer, json_answer, redirect
from tests.hubs.content import Content
from tests.hubs.faults import Fault
from tests.hubs.record import Asked


def cut(after: int, *, reset: bool = False) -> Fault:
    """The connection ends after so many bytes of a body; those bytes arrive unless it is reset."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        return replace(answer, cut_at=after, reset=reset) if _longer(answer, asked, after) else None

    return Fault("cut", change)


def drops(mean: int, seed: int = 0) -> Fault:
    """A line that drops now and then: after `mean` bytes on the average, for whoever asks for them.

    It drops as often for one connection as for many; a seed gives the same to the same requests.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret

    def change(answer: Answer, asked: Asked) -> Answer | None:
        if not _longer(answer, asked, 0):
            return None
        after = int(chance.expovariate(1 / mean)) + 1
        return replace(answer, cut_at=after) if _longer(answer, asked, after) else None

    return Fault("drops", change)


def stall(after: int = 0) -> Fault:
    """Nothing comes after so many bytes of a body, until `hub.release()`."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        return replace(answer, stall_at=after) if _longer(answer, asked, after) else None

    return Fault("stall", change)


def stall_from(offset: int) -> Fault:
    """Of a file nothing comes from an offset on, in whatever ranges it is asked for, until
    `hub.release()`."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        after = max(0, offset - answer.start)
        return replace(answer, stall_at=after) if _longer(answer, asked, after) else None

    return Fault("stall from", change)


def silence() -> Fault:
    """The request is taken and nothing comes, not even a status, until `hub.release()`."""
    return Fault("silence", lambda answer, asked: replace(answer, silent=True))


def delay(seconds: float) -> Fault:
    """An answer comes so much later."""
    return Fault("delay", lambda answer, asked: replace(answer, delay=seconds))


def rate(bytes_a_second: float) -> Fault:
    """A body comes no faster than that."""
    return Fault("rate", lambda answer, asked: replace(answer, rate=bytes_a_second))


def status(
    code: int,
    *,
    retry_after: int | datetime | str | None = None,
    body: Any = None,
    **headers: str,
) -> Fault:
    """Another status; `retry_after` is seconds, a date, or any text."""
    if isinstance(retry_after, datetime):
        retry_after = format_datetime(retry_after, usegmt=True)
    if retry_after is not None:
        headers["Retry_After"] = str(retry_after)
    answer = json_answer(body or {"error": f"status {code}"}, code, **headers)
    return Fault(f"status {code}", lambda _, asked: answer, before=True)


def rate_limited(seconds: int) -> Fault:
    """HuggingFace's 429: it names the time in a header of its own, without Retry-After."""
    return status(429, RateLimit=f'"api";r=0;t={seconds}', RateLimit_Policy='"api";q=500;w=300')


def headers(**changed: str | None) -> Fault:
    """Other headers, `_` for `-`; None takes one away."""
    return Fault("headers", lambda answer, asked: answer.with_headers(**changed))


def ignores_range() -> Fault:
    """The whole file and 200, whatever range was asked for."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        return replace(answer, ranges=False) if answer.ranges else None

    return Fault("ignores Range", change, before=True)


def ignores_if_range() -> Fault:
    """A range of what is there now, although If-Range names what was there."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        return replace(answer, if_range=False) if answer.ranges else None

    return Fault("ignores If-Range", change, before=True)


def wrong_content_range(shift: int = 1) -> Fault:
    """The right bytes, but told to lie elsewhere."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        if answer.status != 206 or answer.content is None or asked.method == "HEAD":
            return None
        first, last = answer.start + shift, answer.start + (answer.length or 0) + shift - 1
        return answer.with_headers(Content_Range=f"bytes {first}-{last}/{answer.content.size}")

    return Fault("wrong Content-Range", change)


def wrong_total(by: int = 1) -> Fault:
    """A Content-Range whose total is not the file's size."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        if answer.status != 206 or answer.content is None:
            return None
        span = (answer.header("Content-Range") or "").partition("/")[0]
        return answer.with_headers(Content_Range=f"{span}/{answer.content.length + by}")

    return Fault("wrong total", change)


def short(by: int) -> Fault:
    """A body that lacks its last bytes, and Content-Length says so."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        length = answer.length
        if not _has_bytes(answer, asked) or length is None or length < by:
            return None
        return replace(answer, stop=answer.start + length - by)

    return Fault("short", change)


def long(by: int) -> Fault:
    """A body that goes on beyond its range or file, and Content-Length says so."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        if not _has_bytes(answer, asked) or answer.content is None:
            return None
        stop = answer.start + (answer.length or 0) + by
        return replace(answer, content=content.followed_by(answer.content, by), stop=stop)

    return Fault("long", change)


def longer_than_told(by: int) -> Fault:
    """More bytes than Content-Length says."""
    longer = long(by)

    def change(answer: Answer, asked: Asked) -> Answer | None:
        changed = longer.change(answer, asked)
        return changed and replace(changed, told=answer.length)

    return Fault("longer than told", change)


def wrong_bytes(start: int = 0, stop: int = 1) -> Fault:
    """A file whose bytes are wrong between two offsets, and its size is right."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        if not _has_bytes(answer, asked) or answer.content is None:
            return None
        if answer.start >= stop or answer.start + (answer.length or 0) <= start:
            return None
        return replace(answer, content=content.with_wrong_bytes(answer.content, start, stop))

    return Fault("wrong bytes", change)


def replaced(by: Content | bytes, *, etag: bool = True) -> Fault:
    """Another file lies under the same name; with `etag` it is told, in ETag and Last-Modified."""
    new = content.of(by)

    def change(answer: Answer, asked: Asked) -> Answer | None:
        if not _is_file(answer):
            return None
        other = replace(answer, content=new)
        if not etag:
            return other
        return other.with_headers(
            ETag=f'"{new.sha256}"', Last_Modified="Fri, 27 Nov 2026 00:00:00 GMT"
        )

    return Fault("replaced", change, before=True)


def changing_etag() -> Fault:
    """Another ETag each time, over the same bytes."""
    numbers = itertools.count(1)

    def change(answer: Answer, asked: Asked) -> Answer | None:
        return answer.with_headers(ETag=f'"{next(numbers):040x}"') if _is_file(answer) else None

    return Fault("changing ETag", change, before=True)


def chunked() -> Fault:
    """A body without Content-Length."""
    return Fault("chunked", lambda answer, asked: replace(answer, chunked=True))


def gzipped() -> Fault:
    """A compressed body, though identity was asked for."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        return replace(answer, gzipped=True) if answer.content is not None else None

    return Fault("gzipped", change)


def redirected(to: str, code: int = 302) -> Fault:
    """A way to any place: another origin, a private address, a `file:`."""
    return Fault("redirected", lambda answer, asked: redirect(to, code), before=True)


def redirected_to_itself(code: int = 302) -> Fault:
    """A loop."""
    return Fault(
        "redirected to itself", lambda answer, asked: redirect(asked.url, code), before=True
    )


def redirected_often(hops: int, code: int = 302) -> Fault:
    """So many redirects within the origin, and then the answer."""

    def change(answer: Answer, asked: Asked) -> Answer | None:
        hop = int(asked.query.get("hop", 0))
        if hop >= hops:
            return None
        plain = asked.url.removesuffix(f"hop={hop}").rstrip("?&")
        return redirect(f"{plain}{'&' if '?' in plain else '?'}hop={hop + 1}", code)

    return Fault("redirected often", change, before=True)


def answered(by: Content | bytes | str, code: int = 200, **headers: str) -> Fault:
    """Another body altogether, such as one without end."""
    answer = Answer(code, {"Content-Type": "application/json"}, content.of(by))
    answer = answer.with_headers(**headers)
    return Fault("answered", lambda _, asked: answer, before=True)


def _longer(answer: Answer, asked: Asked, after: int) -> bool:
    length = 0 if asked.method == "HEAD" else answer.length
    return length is None or length > after


def _is_file(answer: Answer) -> bool:
    return answer.status in (200, 206) and answer.header("ETag") is not None


def _has_bytes(answer: Answer, asked: Asked) -> bool:
    return _is_file(answer) and asked.method != "HEAD"

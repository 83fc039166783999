"""How long a server asks to wait: no I/O; the clock is handed in."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from typing import Final

LONGEST: Final = 3600.0
"""Seconds; who asks for more is asked again then."""
_RATE_LIMIT: Final = re.compile(r'"[^"]*"\s*;(?:[^,]*;)?\s*r=0\s*;(?:[^,]*;)?\s*t=(\d{1,9})')


def asked_to_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a server asks to wait, an hour at most; None if it does not say. `now` is the
    time since 1970.

    Retry-After has seconds or a date (RFC 9110, 10.2.3); RateLimit the seconds until more is
    allowed, if nothing is left (draft-ietf-httpapi-ratelimit-headers).
    """
    seconds = _retry_after(headers.get("Retry-After", "").strip(), now)
    if seconds is None and (limit := _RATE_LIMIT.search(headers.get("RateLimit", "")[:200])):
        seconds = float(limit[1])
    return None if seconds is None else min(max(seconds, 0.0), LONGEST)


def _retry_after(text: str, now: float) -> float | None:
    if re.fullmatch(r"\d+", text):
        return float(text)
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None

"""The id by which a call is found in logs."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable

HEADER = "x-request-id"

_VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The caller's `x-request-id` if it is a fit one, else a new id."""
    for key, value in metadata:
        if key == HEADER and isinstance(value, str) and _VALID.fullmatch(value):
            return value
    return uuid.uuid4().hex

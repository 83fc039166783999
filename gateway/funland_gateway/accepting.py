"""What a client asks for with `Accept`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_QUALITY = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)


def prefers(accept: Iterable[str], media_type: str, *, to: str) -> bool:
    """Whether the values of `Accept` name `media_type`, and rank `to` no higher. Wildcards name
    nothing here: who takes anything gets what is usual."""
    named: dict[str, float] = {}
    for one in ",".join(accept).split(","):
        name, *parameters = one.split(";")
        qualities = (_QUALITY.fullmatch(each) for each in parameters)
        named[name.strip().lower()] = next((float(each[1]) for each in qualities if each), 1.0)
    quality = named.get(media_type, 0.0)
    return quality > 0 and quality >= named.get(to, 0.0)

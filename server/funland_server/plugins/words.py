"""What a plugin's process says, made fit to be told: it is a stranger's, and of any length."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Final

import orjson

from funland.worker.v1.worker_pb2 import JobProgress

_LONGEST: Final = 2000
_LONGEST_PROGRESS: Final = 256


def plain(text: str, *, hidden: Iterable[str] = (), longest: int = _LONGEST) -> str:
    """Without what terminals obey, without paths of this machine, and not too long."""
    text = text[: 2 * longest]  # what hiding makes shorter
    for folder in hidden:
        text = text.replace(f"{folder}/", "") if folder else text
    text = text.replace(f"{sys.prefix}/", "")[:longest]
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


def told_progress(said: JobProgress) -> JobProgress:
    """How far it is, if that is a number."""
    told = JobProgress(text=plain(said.text.replace("\n", " "), longest=_LONGEST_PROGRESS))
    if said.HasField("fraction") and math.isfinite(said.fraction):
        told.fraction = min(max(said.fraction, 0.0), 1.0)
    return told


def is_object(text: str) -> bool:
    """Whether an output is a JSON object: our SDK says no others, but the code may go past it."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False

"""Keeps an error short enough for gRPC, which sends it in headers: of longer ones a caller gets a
broken stream and no word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from funland_server.errors import Violation

_BYTES: Final = 7000
"""gRPC takes 8 KiB of headers for sure, and a call has others too."""
_LEAST: Final = 300
"""Of a message, in signs."""
_LONGEST: Final = 128
"""Of a detail, where all together are too long."""
_CUT: Final = "..."
_AS_IT_IS: Final = frozenset(range(ord(" "), ord("~") + 1)) - {ord("%")}


@dataclass(frozen=True, slots=True)
class Said:
    """What a caller is told of an error."""

    message: str
    metadata: Mapping[str, str]
    violations: tuple[Violation, ...] = ()


def fitting(said: Said) -> Said:
    """The same where it fits; else shorter: violations go first, from the last, then details are
    cut, then the message."""
    if _cost(said) <= _BYTES:
        return said
    said = replace(
        said,
        metadata={name: _cut(value, _LONGEST) for name, value in said.metadata.items()},
        violations=tuple(
            Violation(_cut(one.field, _LONGEST), _cut(one.description, _LONGEST))
            for one in said.violations
        ),
    )
    while _cost(said) > _BYTES:
        if len(said.message) > _LEAST:
            said = replace(said, message=_cut(said.message, max(_LEAST, len(said.message) // 2)))
        elif said.violations:
            said = replace(said, violations=said.violations[:-1])
        elif said.metadata:
            said = replace(said, metadata=dict(list(said.metadata.items())[:-1]))
        else:
            break
    return said


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT


def _cost(said: Said) -> int:
    """About how many bytes of headers it takes: the message is there twice, once with all that is
    not ASCII as `%XX`; the rest is in base 64."""
    message = said.message.encode(errors="replace")
    escaped = sum(1 if byte in _AS_IT_IS else 3 for byte in message)
    packed = len(message)
    for name, value in said.metadata.items():
        packed += 8 + len(name.encode(errors="replace")) + len(value.encode(errors="replace"))
    for one in said.violations:
        packed += 8 + len(one.field.encode(errors="replace"))
        packed += len(one.description.encode(errors="replace"))
    return escaped + packed * 4 // 3

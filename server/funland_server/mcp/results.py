"""What a model is told of a tool's result: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from funland_server.mcp.server import Outcome
from funland_server.mcp.untrusted import cut, disarmed, redacted

_MOST_BLOCKS: Final = 1024


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a result, of whatever kind."""

    kind: str
    text: str = ""
    media_type: str = ""
    uri: str = ""
    size: int = 0
    """Of data that is no text, in characters of base64."""


def outcome(blocks: Iterable[Block], structured: Any, *, is_failure: bool) -> Outcome:
    """The text of a result; what is no text is told in words. A structured result is told where
    there is no other."""
    parts = list(_parts(blocks))
    if not parts and structured is not None:
        parts = [orjson.dumps(structured).decode()]
    return Outcome("\n".join(parts), is_failure)


def told(outcome: Outcome, limit_bytes: int, secrets: Iterable[str]) -> Outcome:
    """What may be told of it: as text alone, so long, and without secrets."""
    text = cut(disarmed(redacted(outcome.text, secrets)), limit_bytes)
    if outcome.is_failure:
        text = f"Error: {text or 'the tool failed and does not say why'}"
    return Outcome(text or "The tool has nothing to tell.", outcome.is_failure)


def _parts(blocks: Iterable[Block]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        if number == _MOST_BLOCKS:
            yield f"[left out: all after {_MOST_BLOCKS} parts]"
            return
        match block.kind:
            case "text":
                if block.text:
                    yield block.text
            case "image" | "audio":
                size = f", {block.size * 3 // 4} bytes"
                yield f"[left out: {block.kind} of type {block.media_type or 'unknown'}{size}]"
            case "link":
                yield f"[a resource: {block.uri} {block.text}".rstrip() + "]"
            case "resource":
                if block.text:
                    yield block.text
                else:
                    yield f"[left out: {block.uri} of type {block.media_type or 'unknown'}]"
            case _:
                yield f"[left out: a part of kind {block.kind}]"

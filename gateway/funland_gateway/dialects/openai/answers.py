"""What OpenAI's answers have in common: usage, finish reasons, and the chunks of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import orjson

from funland.v1 import inference_pb2
from funland_gateway.dialects.finish import FINISH_REASONS

SYSTEM_FINGERPRINT: Final = f"funland-{version('funland')}"

DONE: Final = b"[DONE]"


def usage(tokens: inference_pb2.Usage) -> dict[str, Any]:
    """OpenAI's `usage`."""
    return {
        "prompt_tokens": tokens.prompt_tokens,
        "completion_tokens": tokens.completion_tokens,
        "total_tokens": tokens.total_tokens,
        "prompt_tokens_details": {"cached_tokens": tokens.cached_prompt_tokens},
    }


@dataclass(frozen=True, slots=True)
class ChunkShape:
    """How the chunks of one kind of stream look."""

    id_prefix: str
    object_name: str
    first: Mapping[str, Any] | None
    """The choice of the first chunk, before any text; None: there is none."""
    text: Callable[[str], Mapping[str, Any]]
    """The choice that carries a piece of text."""
    last: Callable[[str], Mapping[str, Any]]
    """The choice that carries the finish reason."""


class Chunks:
    """Makes the data of the SSE events of one call from its events."""

    def __init__(self, shape: ChunkShape, created: int, include_usage: bool) -> None:
        self._shape = shape
        self._include_usage = include_usage
        self._head: dict[str, Any] = {
            "id": "",
            "object": shape.object_name,
            "created": created,
            "model": "",
            "system_fingerprint": SYSTEM_FINGERPRINT,
        }

    def of(self, event: inference_pb2.GenerationEvent) -> Iterator[bytes]:
        """The data for one event; none for kinds that are not known here."""
        match event.WhichOneof("event"):
            case "start":
                self._head["id"] = self._shape.id_prefix + event.start.id
                self._head["model"] = event.start.model
                if self._shape.first is not None:
                    yield self._chunk([self._shape.first])
            case "delta":
                yield self._chunk([self._shape.text(event.delta.text)])
            case "finish":
                yield self._chunk([self._shape.last(FINISH_REASONS[event.finish.reason])])
                if self._include_usage:
                    yield self._chunk([], usage(event.finish.usage))
                yield DONE
            case _:
                pass

    def _chunk(
        self, choices: list[Mapping[str, Any]], tokens: dict[str, Any] | None = None
    ) -> bytes:
        chunk = {**self._head, "choices": choices}
        # With include_usage every chunk has the field: null, but for the last.
        if self._include_usage:
            chunk["usage"] = tokens
        return orjson.dumps(chunk)

"""The formats of weights that the `hellovm` document knows, and those that Funland reads."""

from __future__ import annotations

from typing import Any, Final

from funland.v1.models_pb2 import Model
from funland_gateway.dialects.reading import chosen, unsupported
from funland_gateway.dialects.sources import FORMATS

_NEVER_READ: Final = ("ggml", "pytorch")

FORMAT_SCHEMA: Final[dict[str, Any]] = {"type": "string", "enum": list(FORMATS)}


def read_format(path: str, word: str) -> Model.Format.ValueType:
    """A format by its word, which may be empty. Raises `CallFailed` for what Funland can't read."""
    if word.lower() in _NEVER_READ:
        raise unsupported(
            path, f"Funland reads no {word.lower()}: ask for {', '.join(FORMATS)}, or for none."
        )
    return chosen(path, word.lower(), FORMATS, Model.FORMAT_UNSPECIFIED)

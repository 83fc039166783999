"""Makes values that a JSON Schema allows, of the few kinds that traces use."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any


def instance(schema: Mapping[str, Any], words: Sequence[str], chance: random.Random) -> Any:
    """A value of `object`, `array`, `string`, `integer` or `enum`. Strings are of
    words, and as long as they may be at most.

    Raises:
        ValueError: The schema has another kind.
    """
    if "enum" in schema:
        return chance.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            fields = schema["properties"].items()
            return {name: instance(inner, words, chance) for name, inner in fields}
        case "array":
            count = chance.randint(schema["minItems"], schema["maxItems"])
            return [instance(schema["items"], words, chance) for _ in range(count)]
        case "string":
            return _text(schema["maxLength"], words, chance)
        case "integer":
            return chance.randint(schema["minimum"], schema["maximum"])
        case kind:
            raise ValueError(f"traces make no values of type {kind!r}")


def _text(most: int, words: Sequence[str], chance: random.Random) -> str:
    text = chance.choice(words)
    while len(longer := f"{text} {chance.choice(words)}") <= most:
        text = longer
    return text[:most]

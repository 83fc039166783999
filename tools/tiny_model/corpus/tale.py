"""What a story is made of, in either language."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from tools.tiny_model.corpus.topic import favour

PARTS = ("openings", "finds", "wishes", "meetings", "troubles", "rescues", "endings", "morals")


@dataclass(frozen=True, slots=True)
class Tale:
    """A story, the words that asked for it, and which of its contents they named."""

    request: str
    text: str
    slots: dict[str, str]
    expect: tuple[str, ...]


def tell(rng: Random, parts: dict[str, Any], slots: dict[str, str], gap: str) -> str:
    """One sentence of each part in turn, its slots filled, with `gap` between them."""
    return gap.join(favour(rng, parts[part]).format(**slots) for part in PARTS)

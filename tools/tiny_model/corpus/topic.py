"""What every topic of the corpus is made of, and the small grammar of its templates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from tools.tiny_model.chat import Turn

T = TypeVar("T")

TABLES = Path(__file__).parent / "tables"
CHOICE = re.compile(r"\[([^\[\]|]*\|[^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of exchange, how often it occurs, and what draws one.

    Of an `examined` topic some prompts are held out of the training text for `evaluate`. The
    questions of a `cased` one hold names to copy and keep their capital letters.
    """

    name: str
    weight: float
    sample: Callable[[Random], tuple[Turn, ...]]
    examined: bool = True
    cased: bool = False


def table(name: str) -> dict[str, Any]:
    """The contents of `tables/NAME.toml`."""
    return tomllib.loads((TABLES / f"{name}.toml").read_text(encoding="utf-8"))


def expand(rng: Random, template: str) -> str:
    """Replaces every `[one|other]` of the template by one of its choices."""
    while match := CHOICE.search(template):
        chosen = rng.choice(match[1].split("|"))
        template = template[: match.start()] + chosen + template[match.end() :]
    return template


def favour(rng: Random, options: Sequence[T]) -> T:
    """The first option three times out of five, else any.

    A clear favourite makes greedy answers the same on every machine.
    """
    return options[0] if rng.random() < 0.6 else rng.choice(options)

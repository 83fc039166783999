"""What becomes of a parameter: it is served, it changes no answer, or it is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Served:
    """It becomes a field of the contract, or says how the answer is sent."""

    told: str


@dataclass(frozen=True, slots=True)
class Harmless:
    """It changes no answer here, so it is passed over."""

    why: str

    @property
    def told(self) -> str:
        """In words, for the documents."""
        return f"passed over: {self.why}"


@dataclass(frozen=True, slots=True)
class Refused:
    """Its value may ask for what Funland does not do; passing over it would be another answer."""

    unless: str
    """What values ask for nothing, in words; empty: none."""
    asks: Callable[[Any], bool]

    @property
    def told(self) -> str:
        """In words, for the documents."""
        return f"refused unless {self.unless}" if self.unless else "refused"


Fate = Served | Harmless | Refused


def refused() -> Refused:
    """Whatever its value, even an empty one."""
    return Refused("", lambda _value: True)


def unless_empty() -> Refused:
    """Refused if it is more than `0`, `false` or empty."""
    return Refused("empty, `0` or `false`", bool)


def unless(*neutral: Any) -> Refused:
    """Refused if it is none of some values."""
    told = " or ".join(f"`{orjson.dumps(value).decode()}`" for value in neutral)
    return Refused(told, lambda value: value not in neutral)


def unless_at_most(most: float) -> Refused:
    """Refused if it is no number, or a greater one."""
    return Refused(f"at most `{most}`", lambda value: not _is_number(value) or value > most)


def unless_negative() -> Refused:
    """Refused if it is no number below 0."""
    return Refused("negative", lambda value: not _is_number(value) or value >= 0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)

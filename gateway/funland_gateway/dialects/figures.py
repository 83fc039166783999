"""Figures of machines as older APIs write them; what is not known stays None."""

from __future__ import annotations

from google.protobuf.message import Message

from funland_gateway.dialects.optional import optional


def rounded(message: Message, field: str, digits: int = 1) -> float | None:
    """A field's value with so many decimals; None if it is unset."""
    value = optional(message, field)
    return None if value is None else round(value, digits)


def whole(message: Message, field: str) -> int | None:
    """A field's value as a whole number; None if it is unset."""
    value = optional(message, field)
    return None if value is None else round(value)


def percent_of(part: float | None, total: float | None) -> float | None:
    """How much of 100 a part is, with one decimal; None if either is not known, or there is
    nothing to be part of."""
    if part is None or not total:
        return None
    return round(100 * part / total, 1)

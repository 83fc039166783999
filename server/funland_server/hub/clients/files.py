"""What all hubs' files have in common: how many, and the card among them."""

from __future__ import annotations

from typing import Final

MOST_FILES: Final = 10_000
"""No model has more."""
CARD: Final = "README.md"
LONGEST_CARD: Final = 4 * 1024**2
_CARD_BYTES: Final = 64 * 1024


def card_text(body: bytes) -> str:
    """A card's text, cut off at 64 KiB."""
    return body[:_CARD_BYTES].decode("utf-8", "ignore").removeprefix("\ufeff").replace("\0", "")

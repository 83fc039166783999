"""Turns texts into tokens without holding up the event loop."""

from __future__ import annotations

import asyncio

from funland_worker.engines.protocol import Vocabulary

_LONG = 20_000
"""Characters from which it would be held up for milliseconds."""


async def tokenized(
    vocabulary: Vocabulary, text: str, *, add_special: bool, parse_special: bool
) -> list[int]:
    """The tokens of a text, made on another thread if it is long; see `Vocabulary.tokenize`."""
    tokenize = vocabulary.tokenize
    if len(text) < _LONG:
        return tokenize(text, add_special=add_special, parse_special=parse_special)
    return await asyncio.to_thread(
        tokenize, text, add_special=add_special, parse_special=parse_special
    )

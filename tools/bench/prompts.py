"""Makes chat messages of a known number of tokens for the synthetic models."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import takewhile

from tools.bench.vocabulary import words

_TEMPLATE_TOKENS = 16
"""What the synthetic models' chat template puts around a message."""


def messages(vocabulary: int, tokens: int, seed: int) -> Iterator[str]:
    """Endless messages, each a prompt of `tokens` tokens, that differ from their first word on.

    What a server cached of one is of no use to another.
    """
    chance = random.Random(seed)  # noqa: S311 - the same messages each time
    known = words(vocabulary)
    while True:
        yield passage(known, max(tokens - _TEMPLATE_TOKENS, 1), chance)


def passage(known: Sequence[str], tokens: int, chance: random.Random) -> str:
    """A text of so many of `vocabulary.words`, each of which is one token."""
    # A text's first word has no space before it, so it must be one that needs none.
    syllables = list(takewhile(lambda word: len(word) == 2, known))  # noqa: PLR2004 - a syllable
    rest = chance.choices(known, k=tokens - 1)
    return " ".join([chance.choice(syllables), *rest])


def chat_prompt(message: str) -> str:
    """A message as the synthetic models' template writes it."""
    return f"<|im_start|>user\n{message}<|im_end|>\n<|im_start|>assistant\n"

"""Makes a byte-level BPE vocabulary of any size by rule, without a text to learn from.

After the 256 bytes come words of syllables, so that what a model of random weights says is
readable, and a text of words in it has a known number of tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
"""The last tokens of every vocabulary."""

_SPACE = "Ġ"  # how byte-level BPE writes a space
_SYLLABLES = ["".join(pair) for pair in product("bcdfghjklmnprstvwyzx", "aeiouy")]
_BYTES = 256
LEAST = _BYTES + 2 * len(_SYLLABLES) + len(SPECIAL)
"""The fewest tokens that a vocabulary has."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A byte-level BPE vocabulary in the words of GPT-2's format."""

    tokens: list[str]
    merges: list[str]


def vocabulary(size: int) -> Vocabulary:
    """A vocabulary of `size` different tokens, `SPECIAL` at its end; the same for the same size.

    Raises:
        ValueError: It is smaller than `LEAST`.
    """
    if size < LEAST:
        raise ValueError(f"a vocabulary has at least {LEAST} tokens, not {size}")
    pairs = list(islice(_pairs(), size - _BYTES - len(SPECIAL)))
    return Vocabulary(
        [*_byte_alphabet(), *("".join(pair) for pair in pairs), *SPECIAL],
        [" ".join(pair) for pair in pairs],
    )


def words(size: int) -> list[str]:
    """The words of `vocabulary(size)` that are one token after a space, shortest first."""
    return [
        left.removeprefix(_SPACE) + right
        for left, right in islice(_pairs(), size - _BYTES - len(SPECIAL))
        if left.startswith(_SPACE)
    ]


def _pairs() -> Iterator[tuple[str, str]]:
    """What is merged with what, in order: a word grows from its space on, a syllable a merge."""
    yield from ((syllable[0], syllable[1]) for syllable in _SYLLABLES)
    heads = [_SPACE]
    while True:
        yield from product(heads, _SYLLABLES)
        heads = [head + syllable for head, syllable in product(heads, _SYLLABLES)]


def _byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in its order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = _BYTES - len(printable)
    return [chr(code) for code in printable] + [chr(0x100 + number) for number in range(rest)]

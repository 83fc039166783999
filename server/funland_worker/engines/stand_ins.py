"""Numbers in a prompt that stand for rows of a picture or a sound, where text has tokens.

A stand-in is below zero, so it is no token, and made of what is shown: the same picture is the same
numbers, whoever sends it, and another one has others. So caches of tokens know pictures without
knowing of them. Two of its bits tell what a cache must know of its row: whether it is the last of
its chunk, since a chunk can't be cut in two, and whether the row behind it has the same position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

_BYTES: Final = 8
_LAST: Final = 1
_STILL: Final = 2
_LARGEST: Final = 2**62 - 1


def stand_ins(content: bytes, number: int, rows: int, positions: int) -> list[int]:
    """The stand-ins for the rows of a chunk.

    Args:
        content: What tells what is shown, and how, from all else: a digest.
        number: Which chunk of it that is.
        rows: How many it has, at least one.
        positions: How many positions of the text they take, at most `rows`.
    """
    seed = hashlib.sha256(content + number.to_bytes(_BYTES, "little"))
    noise = hashlib.shake_256(seed.digest()).digest(_BYTES * rows)
    numbers = np.frombuffer(noise, "<u8") & np.uint64(_LARGEST & ~(_LAST | _STILL))
    numbers[: rows - positions] |= np.uint64(_STILL)
    numbers[-1] |= np.uint64(_LAST)
    return [-1 - number for number in numbers.tolist()]


def whole(tokens: Sequence[int], length: int) -> int:
    """The most of the first `length` tokens that cuts no chunk in two."""
    while length and tokens[length - 1] < 0 and not _flags(tokens[length - 1]) & _LAST:
        length -= 1
    return length


def shift(tokens: Sequence[int]) -> int:
    """By how much the position behind these tokens is less than how many there are."""
    if not tokens or min(tokens) >= 0:
        return 0
    return sum(1 for token in tokens if token < 0 and _flags(token) & _STILL)


def last_begin(tokens: Sequence[int]) -> int:
    """The position of the last of these tokens; of a chunk that is last, that of its beginning:
    rows that lie beside each other have it all."""
    begin = len(tokens) - 1
    if tokens[begin] < 0:
        while begin and tokens[begin - 1] < 0 and not _flags(tokens[begin - 1]) & _LAST:
            begin -= 1
    return begin - shift(tokens[:begin])


def _flags(stand_in: int) -> int:
    return (-1 - stand_in) & (_LAST | _STILL)

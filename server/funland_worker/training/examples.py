"""Rows as the network learns them: tokens, and which of them are learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from funland_worker.training.network import Batch
from funland_worker.training.numbers import Tokens


@dataclass(frozen=True, slots=True)
class Example:
    """A row."""

    tokens: Tokens
    learnt: NDArray[np.bool_]
    """Whether a token is. The first is not: nothing stands before it."""

    @property
    def answers(self) -> int:
        """How many of them are learnt."""
        return int(self.learnt.sum())

    def cut(self, most: int) -> Example:
        """Its first tokens."""
        return Example(self.tokens[:most], self.learnt[:most])


def example(tokens: Sequence[int], spans: Sequence[tuple[int, int]]) -> Example:
    """An example whose answers stand in these spans of its tokens."""
    learnt = np.zeros(len(tokens), np.bool_)
    for begin, end in spans:
        learnt[max(begin, 1) : end] = True
    return Example(np.array(tokens, np.int32), learnt)


def batch(examples: Sequence[Example]) -> Batch:
    """Examples as they are computed together: each as long as the longest."""
    longest = max(len(one.tokens) for one in examples)
    tokens = np.zeros((len(examples), longest), np.int32)
    learnt = np.zeros((len(examples), longest), np.bool_)
    for row, one in enumerate(examples):
        tokens[row, : len(one.tokens)] = one.tokens
        learnt[row, : len(one.tokens)] = one.learnt
    ahead = np.flatnonzero(learnt)  # never the first of a row, so the place before is the row's
    return Batch(tokens, ahead - 1, tokens.reshape(-1)[ahead].astype(np.intp))

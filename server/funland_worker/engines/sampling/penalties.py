"""Makes tokens less likely that a text has lately had."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.protocol import Sampling


def has_penalties(sampling: Sampling) -> bool:
    """Whether any of the three penalties changes anything."""
    return sampling.penalty_window > 0 and (
        sampling.repetition_penalty != 1
        or sampling.frequency_penalty != 0
        or sampling.presence_penalty != 0
    )


class PenaltyWindow:
    """The latest tokens, and how often each is among them."""

    def __init__(self, sampling: Sampling, prompt: Sequence[int]) -> None:
        """The window must be of at least one token. `prompt`: the tokens so far. Of a picture in it
        there is nothing to penalize."""
        self._sampling = sampling
        latest = prompt[-sampling.penalty_window :]
        self._tokens = deque(token for token in latest if token >= 0)
        self._counts = Counter(self._tokens)

    def add(self, token: int) -> None:
        """Takes a token in, and the oldest out if the window is full."""
        self._tokens.append(token)
        self._counts[token] += 1
        if len(self._tokens) > self._sampling.penalty_window:
            oldest = self._tokens.popleft()
            self._counts[oldest] -= 1
            if not self._counts[oldest]:
                del self._counts[oldest]

    def penalize(self, scores: NDArray[np.float32]) -> None:
        """Lowers, in place, the scores of the tokens in the window, as llama.cpp does.

        A repetition penalty multiplies negative scores, where dividing would favour the token.
        """
        sampling = self._sampling
        tokens = np.fromiter(self._counts.keys(), np.int64, len(self._counts))
        counts = np.fromiter(self._counts.values(), np.float32, len(self._counts))
        before = scores[tokens]
        repetition = np.float32(sampling.repetition_penalty)
        after = np.where(before <= 0, before * repetition, before / repetition)
        after -= counts * np.float32(sampling.frequency_penalty)
        after -= np.float32(sampling.presence_penalty)
        scores[tokens] = after

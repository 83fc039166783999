"""Which tokens may not be chosen next, however likely they are."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError, Prompt, Vocabulary


def has_bans(prompt: Prompt) -> bool:
    """Whether any token is kept from a text at any time."""
    sampling = prompt.sampling
    return bool(sampling.min_tokens or sampling.allowed_tokens or prompt.banned)


class Bans:
    """What `min_tokens`, `allowed_tokens` and `banned_texts` keep from one text, after the tokens
    that it has."""

    def __init__(self, prompt: Prompt, vocabulary: Vocabulary) -> None:
        sampling = prompt.sampling
        ends = vocabulary.end_tokens
        self._allowed: NDArray[np.int64] | None = None
        if sampling.allowed_tokens:
            self._allowed = _array(ends.union(sampling.allowed_tokens))
        self._never = _array({run[0] for run in prompt.banned if len(run) == 1})
        self._behind: dict[int, list[tuple[int, ...]]] = {}
        """The longer runs, by their last token but one."""
        for run in prompt.banned:
            if len(run) > 1:
                self._behind.setdefault(run[-2], []).append(run)
        self._latest: deque[int] = deque(maxlen=max(map(len, prompt.banned), default=0))
        self._ends = _array({*sampling.stop_tokens, *(() if sampling.ignore_end else ends)})
        self._early = sampling.min_tokens
        """How many tokens it must still have before it may end."""

    def add(self, token: int) -> None:
        """Takes note of a token that was chosen."""
        self._latest.append(token)
        self._early -= 1

    def without(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores with minus infinity for what may not be chosen.

        Where nothing but an end is left, `min_tokens` does not hold it back.

        Raises:
            EngineError: FIELD_INVALID, if nothing at all is left.
        """
        if self._allowed is None:
            left = scores.copy()
        else:
            left = np.full_like(scores, -np.inf)
            left[self._allowed] = scores[self._allowed]
        left[self._never] = -np.inf
        if self._latest and (runs := self._behind.get(self._latest[-1])):
            latest = tuple(self._latest)
            left[[run[-1] for run in runs if latest[1 - len(run) :] == run[:-1]]] = -np.inf
        if self._early > 0:
            ends = left[self._ends]
            left[self._ends] = -np.inf
            if is_empty(left):
                left[self._ends] = ends
        if is_empty(left) and not is_empty(scores):  # else it is the model's fault
            raise EngineError(
                ErrorReason.FIELD_INVALID,
                "banned_texts leaves none of them to choose",
                field="sampling.allowed_tokens",
            )
        return left


def is_empty(scores: NDArray[np.float32]) -> bool:
    """Whether none of the tokens can be chosen."""
    return bool(scores.max() == -np.inf)


def _array(tokens: set[int] | frozenset[int]) -> NDArray[np.int64]:
    return np.array(sorted(tokens), np.int64)

"""How likely the tokens of a prompt were, as they are computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.protocol import TokenLogprob
from funland_worker.engines.sampling.likelihood import Likelihood


class PromptScores:
    """What is told of each token of one prompt."""

    def __init__(self, tokens: Sequence[int], top: int, piece: Callable[[int], bytes]) -> None:
        """`top` is how many of the likeliest to tell at each place; `piece` gives a token's
        bytes."""
        self._tokens = tokens
        self._likelihood = Likelihood(top, piece)
        self._told = [TokenLogprob(tokens[0], piece(tokens[0]), None)]

    @property
    def complete(self) -> bool:
        """Whether all are known."""
        return len(self._told) == len(self._tokens)

    @property
    def told(self) -> tuple[TokenLogprob, ...]:
        """All that are known, in their order."""
        return tuple(self._told)

    def take(self, position: int, logits: NDArray[np.float32]) -> None:
        """Takes the scores of what comes after the token at `position`. Those of a place that is
        known, or behind the prompt, are passed over.

        Raises:
            EngineError: MODEL_OUTPUT_INVALID.
        """
        if position + 1 == len(self._told) and not self.complete:
            self._told.append(self._likelihood.of(self._tokens[position + 1], logits))

"""How likely tokens are by the model's own scores."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.protocol import ModelOutputError, TokenLogprob
from funland_worker.engines.sampling.candidates import likeliest


class Likelihood:
    """Tells of tokens, and of the likeliest at their place."""

    def __init__(self, top: int, piece: Callable[[int], bytes]) -> None:
        """`top` is how many of the likeliest; `piece` gives a token's bytes."""
        self._top = top
        self._piece = piece

    def of(self, token: int, logits: NDArray[np.float32]) -> TokenLogprob:
        """What there is to tell of a token, by the scores of the whole vocabulary.

        Raises:
            EngineError: MODEL_OUTPUT_INVALID.
        """
        highest = logits.max()
        if not math.isfinite(highest):
            raise ModelOutputError
        # In float32 the sum of 150,000 terms is right to 7 digits: numpy adds them pairwise.
        total = float(highest) + float(np.log(np.exp(logits - highest).sum()))

        def tell(token: int, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
            return TokenLogprob(token, self._piece(token), float(logits[token]) - total, top)

        best = likeliest(logits, self._top) if self._top else ()
        return tell(token, tuple(tell(int(other)) for other in best))

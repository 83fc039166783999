"""Checks the tokens that CTranslate2 chose against those that the contract would have.

CTranslate2 chooses as it goes, and knows neither grammars nor min_p nor seeds. So its choice counts
as a guess: a right one is kept and the batch goes on; after a wrong one the text leaves the batch
with the right token and is computed anew. The rule is that of speculative sampling (Leviathan and
others, https://arxiv.org/abs/2211.17192): the texts come out as if we had chosen every token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.protocol import Prompt, Vocabulary
from funland_worker.engines.sampling.bans import has_bans
from funland_worker.engines.sampling.candidates import draw, likeliest, narrow
from funland_worker.engines.sampling.penalties import has_penalties
from funland_worker.engines.sampling.sampler import Sampled, TokenSampler


@dataclass(frozen=True, slots=True)
class Guessing:
    """How CTranslate2 chooses for a batch."""

    checked: bool
    """Whether its choices may be wrong, so that scores are needed."""
    top_k: int = 1
    """0: of all tokens."""
    temperature: float = 1.0


def guessing(prompt: Prompt) -> Guessing:
    """How to have a text guessed."""
    sampling = prompt.sampling
    if sampling.temperature > 0 and sampling.seed is None:
        return Guessing(True, sampling.top_k, sampling.temperature)
    # With a seed, guesses must not depend on chance: the likeliest token is one that does not.
    plain = (
        sampling.temperature == 0
        and prompt.matcher is None
        and prompt.top_logprobs is None
        and not sampling.logit_bias
        and not has_penalties(sampling)
        and not has_bans(prompt)
    )
    return Guessing(checked=not plain)


class GuessSampler(TokenSampler):
    """Chooses the tokens of one text, and those that were guessed as often as it may."""

    def __init__(self, prompt: Prompt, vocabulary: Vocabulary) -> None:
        super().__init__(prompt, vocabulary)
        self._way = guessing(prompt)
        self._guess: int | None = None
        self._raw: NDArray[np.float32] = np.empty(0, np.float32)

    def check(self, guess: int, logits: NDArray[np.float32]) -> Sampled:
        """The token that counts: the guess, if it is right. Raises as `sample`."""
        if self._way.top_k != 1:
            self._guess = guess
            self._raw = logits
        return self.sample(logits)

    def _choose(self, scores: NDArray[np.float32]) -> int:
        guess, self._guess = self._guess, None  # a guess that the format forbids is used up
        if guess is None or not np.isfinite(scores.max()):
            return super()._choose(scores)
        candidates = narrow(scores, self.sampling)
        tokens = candidates.tokens
        if tokens is None:
            tokens = np.arange(len(scores))
        wanted = candidates.weights / candidates.weights.sum(dtype=np.float64)
        proposed = self._proposed(np.append(tokens, guess))
        right = wanted[tokens == guess].sum()
        if self._random.random() * proposed[-1] < right:
            return guess
        # What guesses give too little of; only rounding can leave nothing.
        lacking = np.maximum(wanted - proposed[:-1], 0)
        weights = lacking if lacking.any() else wanted
        return int(tokens[draw(weights, self._random.random())])

    def _proposed(self, tokens: NDArray[np.intp]) -> NDArray[np.float64]:
        """The probabilities with which CTranslate2 guesses these tokens."""
        raw, way = self._raw, self._way
        kept = raw[likeliest(raw, way.top_k)] if 0 < way.top_k < len(raw) else raw
        highest = float(raw.max())
        scores = raw[tokens].astype(np.float64)
        weights = np.exp((scores - highest) / way.temperature)
        weights[scores < kept.min()] = 0
        return weights / np.exp((kept.astype(np.float64) - highest) / way.temperature).sum()

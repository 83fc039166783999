"""Chooses the next token of one text."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.protocol import EngineError, Prompt, TokenLogprob
from funland_worker.engines.sampling.candidates import draw, likeliest, narrow
from funland_worker.engines.sampling.penalties import PenaltyWindow, has_penalties


@dataclass(frozen=True, slots=True)
class Sampled:
    """A token that was chosen, and how likely it was if the prompt asks for that."""

    token: int
    logprob: TokenLogprob | None


class TokenSampler:
    """Chooses the tokens of one text, in the order of steps that the contract names.

    It remembers the text as far as penalties, the format and the random numbers need it, so each
    call must be for the token after the last one chosen.
    """

    def __init__(self, prompt: Prompt, piece: Callable[[int], bytes]) -> None:
        """`piece` gives a token's bytes, for what is told of likelihood."""
        sampling = prompt.sampling
        self._sampling = sampling
        self._matcher = prompt.matcher
        self._top_logprobs = prompt.top_logprobs
        self._piece = piece
        self._biased = np.fromiter(sampling.logit_bias.keys(), np.int64)
        self._biases = np.fromiter(sampling.logit_bias.values(), np.float32)
        self._window = PenaltyWindow(sampling, prompt.tokens) if has_penalties(sampling) else None
        # Nothing secret depends on it. Python keeps the numbers of a seed the same for ever.
        self._random = random.Random(sampling.seed)  # noqa: S311

    def sample(self, logits: NDArray[np.float32]) -> Sampled:
        """The next token, by the scores of the whole vocabulary, which are left as they are.

        Raises:
            EngineError: CONSTRAINT_LIMIT, when the text's format takes too long to follow.
        """
        scores = self._adjust(logits)
        token = self._choose(scores)
        if self._matcher is not None and not self._matcher.allows(token):
            # A token is allowed far more often than not, and asking costs a tenth of a mask.
            # A second draw from what is allowed makes the same distribution as the mask alone.
            scores = logits.copy() if scores is logits else scores
            self._matcher.mask(scores)
            token = self._choose(scores)
        if self._matcher is not None:
            self._matcher.accept(token)
        if self._window is not None:
            self._window.add(token)
        return Sampled(token, self._logprob(token, logits))

    def _adjust(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores with biases and penalties. Texts of one prompt share their first logits, so
        what changes is a copy."""
        if not self._biased.size and self._window is None:
            return logits
        scores = logits.copy()
        scores[self._biased] += self._biases
        if self._window is not None:
            self._window.penalize(scores)
        return scores

    def _choose(self, scores: NDArray[np.float32]) -> int:
        if self._sampling.temperature == 0:
            return int(scores.argmax())
        candidates = narrow(scores, self._sampling)
        position = draw(candidates.weights, self._random.random())
        return position if candidates.tokens is None else int(candidates.tokens[position])

    def _logprob(self, token: int, logits: NDArray[np.float32]) -> TokenLogprob | None:
        if self._top_logprobs is None:
            return None
        highest = logits.max()
        # In float32 the sum of 150,000 terms is right to 7 digits: numpy adds them pairwise.
        total = float(highest) + float(np.log(np.exp(logits - highest).sum()))

        def tell(token: int, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
            return TokenLogprob(token, self._piece(token), float(logits[token]) - total, top)

        best = likeliest(logits, self._top_logprobs) if self._top_logprobs else ()
        return tell(token, tuple(tell(int(other)) for other in best))


def sample_all(
    jobs: Iterable[tuple[TokenSampler, NDArray[np.float32]]],
) -> list[Sampled | EngineError]:
    """Samples many texts, each by its own logits; one that fails leaves the others alone.

    One after the other: most take under 0.1 ms, and two threads over 32 of them were no faster.
    """
    return [_outcome(sampler, logits) for sampler, logits in jobs]


def _outcome(sampler: TokenSampler, logits: NDArray[np.float32]) -> Sampled | EngineError:
    try:
        return sampler.sample(logits)
    except EngineError as error:
        return error

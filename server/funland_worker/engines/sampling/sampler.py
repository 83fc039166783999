"""Chooses the next token of one text."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.protocol import (
    EngineError,
    Matcher,
    ModelOutputError,
    Prompt,
    TokenLogprob,
    Vocabulary,
)
from funland_worker.engines.sampling.bans import Bans, has_bans, is_empty
from funland_worker.engines.sampling.candidates import draw, narrow
from funland_worker.engines.sampling.likelihood import Likelihood
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

    def __init__(self, prompt: Prompt, vocabulary: Vocabulary) -> None:
        sampling = prompt.sampling
        self._sampling = sampling
        self._matcher = prompt.matcher
        self._likelihood: Likelihood | None = None
        if prompt.top_logprobs is not None:
            self._likelihood = Likelihood(prompt.top_logprobs, vocabulary.piece)
        self._bans = Bans(prompt, vocabulary) if has_bans(prompt) else None
        self._biased = np.fromiter(sampling.logit_bias.keys(), np.int64)
        self._biases = np.fromiter(sampling.logit_bias.values(), np.float32)
        self._window = PenaltyWindow(sampling, prompt.tokens) if has_penalties(sampling) else None
        # Nothing secret depends on it. Python keeps the numbers of a seed the same for ever.
        self._random = random.Random(sampling.seed)  # noqa: S311

    def sample(self, logits: NDArray[np.float32]) -> Sampled:
        """The next token, by the scores of the whole vocabulary, which are left as they are.

        Raises:
            EngineError: MODEL_OUTPUT_INVALID; CONSTRAINT_LIMIT, when the text's format takes too
                long to follow; FIELD_INVALID, when no token is left.
        """
        adjusted = self._adjust(logits)
        scores = adjusted if self._bans is None else self._bans.without(adjusted)
        token = self._choose(scores)
        if not math.isfinite(logits[token]):  # then the highest of all is not, and was taken
            raise ModelOutputError
        if self._matcher is not None:
            if not self._matcher.allows(token):
                # A token is allowed far more often than not, and asking costs a tenth of a mask.
                # A second draw from what is allowed makes the same distribution as the mask alone.
                token = self._choose(self._masked(self._matcher, scores, adjusted))
            self._matcher.accept(token)
        if self._window is not None:
            self._window.add(token)
        if self._bans is not None:
            self._bans.add(token)
        return Sampled(token, self._likelihood.of(token, logits) if self._likelihood else None)

    def _masked(
        self, matcher: Matcher, scores: NDArray[np.float32], adjusted: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The scores of what the format allows. It goes before the bans: where it leaves only what
        they forbid, they don't hold."""
        masked = scores.copy()
        matcher.mask(masked)
        if self._bans is not None and is_empty(masked):
            masked = adjusted.copy()
            matcher.mask(masked)
        return masked

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

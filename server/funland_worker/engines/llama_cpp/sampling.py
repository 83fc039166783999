"""Chooses the next token of one sequence."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import Sampling


class TokenSampler:
    """One sequence's chain of llama.cpp samplers, in the order that the contract names.

    Plain greedy choice, the commonest of all in tests and tools, needs no chain: an argmax over the
    logits is 10 times cheaper.
    """

    def __init__(self, sampling: Sampling, vocabulary_size: int, prompt: Sequence[int]) -> None:
        self._chain: Any = None
        stages = _stages(sampling, vocabulary_size)
        if sampling.temperature == 0 and not stages:
            return
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for stage in [*stages, *_choice(sampling)]:
            lib.llama_sampler_chain_add(self._chain, stage)
        if _has_penalties(sampling):
            for token in prompt[-sampling.penalty_window :]:
                lib.llama_sampler_accept(self._chain, token)

    def sample(self, context: Any, row: int, logits: NDArray[np.float32]) -> int:
        """The next token, from the `row`-th output of the latest decode, whose logits these are."""
        if self._chain is None:
            return int(logits.argmax())
        return int(lib.llama_sampler_sample(self._chain, context, row))

    def close(self) -> None:
        """Frees the chain."""
        if self._chain is not None:
            lib.llama_sampler_free(self._chain)
            self._chain = None


def _has_penalties(sampling: Sampling) -> bool:
    return sampling.penalty_window > 0 and (
        sampling.repetition_penalty != 1
        or sampling.frequency_penalty != 0
        or sampling.presence_penalty != 0
    )


def _stages(sampling: Sampling, vocabulary_size: int) -> list[Any]:
    """What changes the scores before the choice."""
    stages: list[Any] = []
    if sampling.logit_bias:
        biases = (lib.llama_logit_bias * len(sampling.logit_bias))(
            *((token, bias) for token, bias in sampling.logit_bias.items())
        )
        stages.append(lib.llama_sampler_init_logit_bias(vocabulary_size, len(biases), biases))
    if _has_penalties(sampling):
        stages.append(
            lib.llama_sampler_init_penalties(
                vocabulary_size,
                sampling.penalty_window,
                sampling.repetition_penalty,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            )
        )
    return stages


def _choice(sampling: Sampling) -> list[Any]:
    """How a token is chosen among the scores."""
    if sampling.temperature == 0:
        return [lib.llama_sampler_init_greedy()]
    seed = secrets.randbits(32) if sampling.seed is None else sampling.seed
    seed = min(seed, lib.LLAMA_DEFAULT_SEED - 1)  # that one means "a random seed" to llama.cpp
    choice: list[Any] = []
    if sampling.top_k > 0:
        choice.append(lib.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1:
        choice.append(lib.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        choice.append(lib.llama_sampler_init_min_p(sampling.min_p, 1))
    choice.append(lib.llama_sampler_init_temp(sampling.temperature))
    choice.append(lib.llama_sampler_init_dist(seed))
    return choice

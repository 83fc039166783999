"""What llama.cpp itself makes of a text, in a context that has seen nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel

LIMIT = 0.005
"""How far a logprob may be off: a pass of other rows is rounded otherwise."""
RUNS = (16, 48)
"""Prompts in passes of so many tokens show how far llama.cpp is from itself."""
ANSWER = 9
"""Tokens of an answer, without its last, that are computed one by one before the next turn: then
the turns' passes are those of what was known, of each of these, and of what is new."""
_TURNS = 3
BEFORE = (7, 333)
"""So does another text of so many tokens that lies before this one in a cache of both, and grows
beside it: what a token attends to is then summed up in another order."""


@dataclass(frozen=True, slots=True)
class Text:
    """A prompt, what was written after it, and with what logprobs."""

    known: list[int]
    made: list[int]
    logprobs: list[float]
    cached: int = 0
    """How many tokens of the prompt were not computed anew."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a text is from what llama.cpp writes."""

    off: float
    """The most that a logprob is, or that a token is less likely than the likeliest."""
    noise: float = 0.0
    """How far llama.cpp is from itself; looked at only where `off` is above the limit."""

    @property
    def right(self) -> bool:
        """Whether it is llama.cpp's text."""
        return self.off <= LIMIT

    @property
    def excused(self) -> bool:
        """Whether llama.cpp's own texts are as far from each other."""
        return not self.right and self.off <= 2 * self.noise


def check(model: LlamaModel, text: Text) -> Verdict:
    """Compares with a prompt in one pass and each token in one of its own. After a token that is
    as good as the likeliest the text goes on with it."""
    rows = [*_rows(model, text, [len(text.known)])]
    off = 0.0
    for scores, token, logprob in zip(rows, text.made, text.logprobs, strict=True):
        # Not a number is further off than any limit.
        for distance in (abs(scores[token] - logprob), (scores.max() - scores[token]) / 2):
            off = max(off, float(distance) if np.isfinite(distance) else np.inf)
    if off <= LIMIT:
        return Verdict(off)
    noise = 0.0
    whole = len(text.known)
    for lengths, before in [
        *((_even(whole, run), 0) for run in RUNS),
        *((lengths, 0) for lengths in _as_written(whole, text.cached)),
        *(([whole], before) for before in BEFORE),
    ]:
        for scores, other in zip(rows, _rows(model, text, lengths, before), strict=True):
            likely = scores > np.log(1e-4)
            noise = max(noise, float(np.abs(scores - other)[likely].max()))
    return Verdict(off, noise)


def state_vectors(model: LlamaModel, tokens: Sequence[int]) -> NDArray[np.float32]:
    """A vector for each token of a text that is read in one pass."""
    context = _context(model, len(tokens), embeds=True)
    batch = Batch(len(tokens))
    batch.add(0, 0, tokens, outputs=len(tokens))
    outcome = (batch.encode if model.has_encoder else batch.decode)(context)
    if outcome:
        raise RuntimeError(f"llama.cpp can't read a text: {outcome}")
    pointer: Any = lib.llama_get_embeddings(context)
    vectors = np.ctypeslib.as_array(pointer, (len(tokens), model.vector_length)).copy()
    lib.llama_free(context)
    return vectors


def _rows(
    model: LlamaModel, text: Text, lengths: Sequence[int], before: int = 0
) -> Iterator[NDArray[np.float64]]:
    """The logprobs of all tokens at each place of what was written, the prompt being computed in
    passes of so many tokens, behind another text of `before` tokens."""
    made = len(text.made)
    tokens = len(text.known) + made + (before + made if before else 0)
    context = _context(model, tokens, texts=2 if before else 1)
    batch = Batch(max(len(text.known), before, 2))
    if before:
        batch.add(1, 0, [*islice(cycle(text.known), before)], outputs=1)
        if outcome := batch.decode(context):
            raise RuntimeError(f"llama.cpp can't compute the text before: {outcome}")
    ends = [*accumulate(lengths)]
    parts = [text.known[end - length : end] for length, end in zip(lengths, ends, strict=True)]
    position = 0
    for number, part in enumerate([*parts, *([token] for token in text.made[:-1])]):
        batch.clear()
        batch.add(0, position, part, outputs=1)
        if before and number >= len(parts):
            batch.add(1, before + number - len(parts), part, outputs=0)
        position += len(part)
        if outcome := batch.decode(context):
            raise RuntimeError(f"llama.cpp can't compute a text: {outcome}")
        if number >= len(parts) - 1:
            pointer: Any = lib.llama_get_logits_ith(context, len(part) - 1)
            scores = np.ctypeslib.as_array(pointer, (model.vocabulary.size,)).astype(np.float64)
            scores -= scores.max()
            yield scores - np.log(np.exp(scores).sum())
    lib.llama_free(context)


def _even(length: int, run: int) -> list[int]:
    """The lengths of passes of so many tokens, the last of what is left."""
    return [min(run, length - at) for at in range(0, length, run)]


def _as_written(length: int, cached: int) -> list[list[int]]:
    """The lengths of the passes of a chat's turns, each as long as what is new now: what is known
    at once, or with one answer or more that were written token by token; then what is new."""
    if not 0 < cached < length:
        return []
    turn = [*[1] * ANSWER, length - cached]
    return [[cached, length - cached]] + [
        [length - count * sum(turn), *turn * count]
        for count in range(1, _TURNS + 1)
        if count * sum(turn) < length
    ]


def _context(model: LlamaModel, tokens: int, *, texts: int = 1, embeds: bool = False) -> Any:
    params = lib.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = tokens
    params.n_threads = params.n_threads_batch = 1
    params.no_perf = True
    params.n_seq_max = texts
    params.kv_unified = True
    params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.embeddings = embeds
    params.pooling_type = lib.LLAMA_POOLING_TYPE_NONE
    return lib.llama_init_from_model(model.handle, params)

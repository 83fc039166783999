"""Whether llama.cpp is right about the tokens that a state takes back, tried at the load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.binding import bind
from funland_worker.engines.llama_cpp.cache.state import Transfer
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.memory import Memory
from funland_worker.engines.llama_cpp.model import LlamaModel

_CELLS = 128
_TAKEN = (5, 9)
"""Two tokens that a text keeps, of two passes."""
_OTHER = (6, 9)
_WRONG = (((11, 12), (13, 14)), ((15, 16), (17, 18)))
"""The guesses behind each, which are taken back: in two ways."""


def guessed(model: LlamaModel, ahead: int, threads: int) -> Memory:
    """The memory of contexts whose texts are guessed so many tokens ahead.

    Where states are to be rolled back for that, it is tried: six passes of three tokens. Texts that
    keep the same tokens must come to the very same state, whatever is taken back behind each of
    them; and to another if the first that they keep is another.
    """
    memory = model.memory
    if not memory.rolls_back:
        return memory
    right = ahead > 0 and _right(model, max(ahead, len(_WRONG[0][0])), threads)
    return replace(memory, rolls_back=ahead if right else 0)


def _right(model: LlamaModel, most: int, threads: int) -> bool:
    params = model.context_params()
    params.n_ctx = params.n_batch = params.n_ubatch = _CELLS
    params.n_threads = params.n_threads_batch = threads
    params.n_rs_seq = most
    context = lib.llama_init_from_model(model.handle, params)
    if not context:
        return False
    if model.offload.on_cpu:
        bind(context, threads)
    tried, batch = Transfer(context, 1, model.memory), Batch(_CELLS)
    try:
        one, same = (_states(tried, batch, _TAKEN, wrong) for wrong in _WRONG)
        other = _states(tried, batch, _OTHER, _WRONG[0])
    finally:
        lib.llama_free(context)
    return agree(one, same, other)


def agree(
    one: Sequence[bytes | None], same: Sequence[bytes | None], other: Sequence[bytes | None]
) -> bool:
    """Whether states, of a text after each pass, are as they must be where tokens are taken back
    rightly. None: they were not taken back."""
    if None in (*one, *same, *other):
        return False
    return all(
        first == second != third for first, second, third in zip(one, same, other, strict=True)
    )


def _states(
    tried: Transfer, batch: Batch, kept: Sequence[int], wrong: Sequence[Sequence[int]]
) -> list[bytes | None]:
    """What llama.cpp keeps of a text beside keys and values, after each pass of a token that stays
    and of some that are taken back."""
    memory = lib.llama_get_memory(tried.context)
    lib.llama_memory_clear(memory, True)
    states: list[bytes | None] = []
    for position, (token, guesses) in enumerate(zip(kept, wrong, strict=True)):
        batch.clear()
        batch.add(0, position, [token, *guesses], outputs=1)
        if batch.decode(tried.context) or not lib.llama_memory_seq_rm(memory, 0, position + 1, -1):
            return [None]
        states.append(tried.rest(0).tobytes())
    return states

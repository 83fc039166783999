"""Finds out what a model's memory can do (ADR 0126)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp import library, telling
from funland_worker.engines.llama_cpp.attention import Attention
from funland_worker.engines.llama_cpp.cache.state import EMPTY_SIZE
from funland_worker.engines.llama_cpp.last_words import why
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.memory import Memory
from funland_worker.engines.protocol import EngineError

_TOKENS = 32

UNEVEN: Final[Mapping[str, str]] = dict.fromkeys(
    ("arwkv7", "rwkv6qwen2"),
    "llama-cpp-python 0.3.36: of eight prompts of different length in one `llama_decode` logits are"
    " off by up to 7, of those of one length they are right, as all are of RWKV's own models",
)
"""Architectures that llama.cpp computes wrongly in passes of uneven texts, and how that shows."""
LATE: Final[Mapping[str, str]] = {
    "deepseek4": "llama-cpp-python 0.3.36: `llama_memory_seq_cp` notes the copy down, and makes it"
    " at the next pass, of what is there by then: logits are off by 1.5 if that is nothing"
}
"""Architectures of which llama.cpp copies texts too late, and how that shows."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What llama.cpp shows of a model's memory without computing anything with its weights."""

    architecture: str
    empty_size: int
    """How many bytes it writes of a text without tokens; 0: there is no memory."""
    window: int = 0
    recurrent: bool = False
    """Whether some layers keep a state in place of keys and values."""
    shifts: bool = True
    """Whether llama.cpp would move tokens to other positions."""
    rolls_back: int = 0
    """As many as a context was given that was to roll back one token."""


def memory_of(signs: Signs) -> Memory:
    """The abilities of a memory that shows itself so.

    Each cache and each state writes how much of it follows, so that a text without tokens is longer
    of several caches than of one.
    """
    plain = signs.empty_size == EMPTY_SIZE and not (signs.recurrent or signs.window)
    return Memory(
        remembers=signs.empty_size > 0,
        drops_tails=not signs.recurrent,
        window=signs.window,
        rolls_back=signs.rolls_back if signs.recurrent else 0,
        copies_parts=plain,
        shares_cells=signs.architecture not in LATE,
        moves=plain,
        shifts=plain and signs.shifts,
        undoes_passes=plain,
        keeps_states=signs.recurrent,
        even_passes=signs.architecture in UNEVEN,
    )


def probe(model: Any, architecture: str, attention: Attention) -> tuple[Memory, Attention]:
    """The memory of a model, given llama.cpp's handle of it, and how its devices compute attention
    if that was left to them. Computes nothing with the weights.

    `rolls_back` is 1 if llama.cpp says that it can: how far it is right shows
    `speculation.rollback`.

    Raises:
        EngineError: MODEL_LOAD_FAILED, for lack of memory.
    """
    params = lib.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = _TOKENS
    params.n_threads = params.n_threads_batch = params.n_rs_seq = 1
    params.no_perf = True
    attention.apply(params)
    library.errors.clear()
    context = lib.llama_init_from_model(model, params)
    if not context:
        told = why(library.errors) or "there is not enough memory"
        raise EngineError(ErrorReason.MODEL_LOAD_FAILED, f"llama.cpp can't run the model: {told}.")
    try:
        if not lib.llama_get_memory(context):
            return memory_of(Signs(architecture, 0)), attention
        # Some models can't be computed with it, whatever is asked of llama.cpp.
        wanted = attention.flash is not False
        if wanted and (flash := telling.flash_attention(context)) is not None:
            attention = attention.resolved(flash=flash)
        signs = Signs(
            architecture,
            lib.llama_state_seq_get_size(context, 0),
            window=lib.llama_model_n_swa(model),
            recurrent=lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model),
            shifts=lib.llama_memory_can_shift(lib.llama_get_memory(context)),
            rolls_back=lib.llama_n_rs_seq(context),
        )
        return memory_of(signs), attention
    finally:
        lib.llama_free(context)

"""Makes llama.cpp's contexts, and chooses how their memory for keys and values is cut."""

from __future__ import annotations

from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.binding import bind
from funland_worker.engines.llama_cpp.cache.protocol import Cache
from funland_worker.engines.llama_cpp.cache.state import Transfer
from funland_worker.engines.llama_cpp.cache.store import StateStore
from funland_worker.engines.llama_cpp.cache.streams import StreamCache
from funland_worker.engines.llama_cpp.cache.unified import UnifiedCache
from funland_worker.engines.llama_cpp.interruption import Interruption
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.memory import Memory
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.prefill import LARGEST_PASS
from funland_worker.engines.protocol import EngineError
from funland_worker.limits import HEADROOM_BYTES, room_bytes

_LONG = 2048
_LONG_PASS = 128
"""Without flash attention the scores of a pass take rows x tokens of memory: fewer rows for long
parts."""

_MOST_SEQUENCES = 256


def new_cache(
    model: LlamaModel,
    memory: Memory,
    kind: LoadSettings.KeyValueCache.ValueType,
    *,
    context_length: int,
    slots: int,
    fewer_slots: bool,
    held_texts: int = 0,
    threads: int,
    rows: int,
    cells: int,
    least_chunk: int = 0,
    store: StateStore,
    interruption: Interruption,
) -> Cache:
    """The cache of a model in contexts with these abilities, with `fewer_slots` for fewer texts if
    there is no memory for so many states, of which `held_texts` are wanted. `rows` is how many
    outputs a pass may ask for; runs of `least_chunk` tokens may be used elsewhere than where they
    were computed, if that isn't 0; `store` takes the states that leave the cache, `interruption`
    ends passes.

    Raises:
        EngineError: MODEL_LOAD_FAILED, most often for lack of memory.
    """
    cells = min(slots * context_length, max(context_length, cells))

    def context(sequences: int, length: int, *, unified: bool = False) -> Transfer:
        rolled = memory.rolls_back
        made = new_context(
            model, sequences, length, threads, rows, unified=unified, rolls_back=rolled
        )
        interruption.watch(made)
        return Transfer(made, 1 if unified else sequences, memory)

    if kind == LoadSettings.UNIFIED or not memory.moves:
        counts = sequence_counts(slots, held_texts, fewer=fewer_slots)
        while True:
            sequences = counts.pop(0)
            try:
                shared = context(sequences, cells, unified=True)
            except EngineError:
                if not counts:
                    raise
                continue
            if not counts or room_bytes() > HEADROOM_BYTES // 2:
                return UnifiedCache(shared, min(slots, sequences - 1), sequences, cells, store)
            lib.llama_free(shared.context)  # nothing would be left to compute with
    # A device's memory is planned for all that may be wanted, and a new context there is slow.
    full = not model.offload.on_cpu
    return StreamCache(
        context, slots, context_length, cells, store, full=full, least_chunk=least_chunk
    )


def sequence_counts(slots: int, held: int = 0, *, fewer: bool) -> list[int]:
    """For how many sequences a context is made, the later ones if there is no memory for those
    before: `held`, else as many for texts that ended as for those that run, then for one, then with
    `fewer` for half of those that run, and so on."""
    counts = [min(held - 1 if held > slots else 2 * slots, _MOST_SEQUENCES - 1), slots]
    if counts[0] == counts[1]:
        counts.pop()
    while fewer and counts[-1] > 1:
        counts.append(counts[-1] // 2)
    return [count + 1 for count in counts if count < _MOST_SEQUENCES]


def new_context(
    model: LlamaModel,
    sequences: int,
    length: int,
    threads: int,
    rows: int,
    *,
    unified: bool,
    rolls_back: int = 0,
) -> Any:
    """A context of `sequences` parts of `length` tokens, or of `length` tokens for all of them.
    States can be rolled back by so many."""
    params = model.context_params()
    params.n_ctx = length if unified else sequences * length
    params.n_batch = LARGEST_PASS + rows
    long = length > _LONG and model.attention.keeps_scores
    # A picture that is read at once must not be cut.
    params.n_ubatch = _LONG_PASS if long and not model.reads_at_once else LARGEST_PASS
    params.n_seq_max = sequences
    params.n_rs_seq = rolls_back
    params.n_outputs_max = max(rows, sequences)
    params.n_threads = threads
    params.n_threads_batch = threads
    params.kv_unified = unified
    context = lib.llama_init_from_model(model.handle, params)
    if not context:
        place = "" if model.offload.on_cpu else f" on {model.offload.name}"
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED,
            f"There is not enough memory{place} for"
            f" {_parts(model, sequences, length, rolls_back)}; ask for fewer slots, a shorter"
            " context_length or fewer cache_tokens.",
        )
    if model.offload.on_cpu:
        bind(context, threads)
    return context


def _parts(model: LlamaModel, sequences: int, length: int, rolls_back: int) -> str:
    """What a context is made of, in words."""
    if rolls_back:
        return (
            f"the states of {sequences} texts, each with {rolls_back} more for guesses, and"
            f" {length} tokens"
        )
    if model.memory.keeps_states:
        return f"the states of {sequences} texts and {length} tokens"
    return f"{sequences} x {length} tokens"

"""Moves tokens of a text to other positions, and puts them behind another text (ADR 0128)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.cache.cells import Cells, taken_apart
from funland_worker.engines.llama_cpp.cache.state import Transfer
from funland_worker.engines.llama_cpp.library import lib

_ANY_TOKEN = 0
_NEAR = 0.01
"""How far off keys of 16 bits may be from those that were computed there, of the largest."""


def graft(transfer: Transfer, sequence: int, part: int, cells: Cells) -> bool:
    """Puts cells behind the last of a sequence, which is in that part; says whether that could be
    done. The context computes a token that is forgotten."""
    memory = lib.llama_get_memory(transfer.context)
    at: int = lib.llama_memory_seq_pos_max(memory, sequence) + 1
    known = transfer.save(sequence, part) if at else None
    before = taken_apart(known) if known is not None else None
    if known is not None and before is None:
        return False
    there = moved(transfer, sequence, part, cells, at)
    if there is not None:
        whole = before.followed_by(there) if before is not None else there
        if transfer.restore(sequence, whole.state()):
            return True
    lib.llama_memory_seq_rm(memory, sequence, -1, -1)
    if known is not None and not transfer.restore(sequence, known):
        raise RuntimeError("llama.cpp does not take back a sequence that it gave")
    return False


def moved(transfer: Transfer, sequence: int, part: int, cells: Cells, at: int) -> Cells | None:
    """Cells as they are from position `at` on; None if llama.cpp could not move them. It does so
    itself, as keys are rotated differently in each model, and before its next pass. The sequence
    loses what it has."""
    memory = lib.llama_get_memory(transfer.context)
    first, end = int(cells.positions.min()), at + cells.count
    if first == at:
        return cells
    if not transfer.restore(sequence, cells.state()):
        return None
    lib.llama_memory_seq_add(memory, sequence, first, -1, at - first)
    if not computed(transfer.context, sequence, end):
        return None
    found = taken_apart(transfer.save(sequence, part))
    return found.between(at, end) if found is not None else None


def computed(context: Any, sequence: int, position: int) -> bool:
    """Has a token computed of which nothing is wanted; says whether it was."""
    batch = _single()
    batch.n_tokens = 1
    batch.token[0], batch.pos[0], batch.logits[0] = _ANY_TOKEN, position, 0
    batch.n_seq_id[0], batch.seq_id[0][0] = 1, sequence
    return lib.llama_decode(context, batch) == 0


def moves_rightly(transfer: Transfer, tokens: int) -> bool:
    """Whether tokens that are moved have the keys that they would have there, as far as they are
    those of the first layer, which know nothing of the tokens before.

    `transfer` is of a context of one part, empty before, for twice as many tokens as are tried and
    one more; keys are kept as F16.
    """
    memory = lib.llama_get_memory(transfer.context)
    found: list[Cells] = []
    for begin in (0, tokens):
        if not all(computed(transfer.context, 0, place) for place in range(begin + tokens)):
            return False
        cells = taken_apart(transfer.save(0, 0))
        lib.llama_memory_seq_rm(memory, 0, -1, -1)
        if cells is None:
            return False
        found.append(cells.between(begin, begin + tokens))
    here = moved(transfer, 0, 0, found[0], tokens)
    if here is None:
        return False
    ours, theirs = _first_keys(here), _first_keys(found[1])
    return bool(np.abs(ours - theirs).max() <= _NEAR * np.abs(theirs).max())


def _first_keys(cells: Cells) -> NDArray[np.float32]:
    return cells.keys(0).copy().view(np.float16).astype(np.float32)


@cache
def _single() -> Any:
    """A `llama_batch` of one token, for the life of the process."""
    return lib.llama_batch_init(1, 0, 1)

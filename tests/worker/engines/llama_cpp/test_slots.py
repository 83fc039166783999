"""Slots keep what they computed until its cells are needed."""

from __future__ import annotations

from typing import Any

import pytest

from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.slots import Slots

CELLS = 64


class Cache:
    """A real KV cache of 64 cells and 3 sequences."""

    def __init__(self, model: LlamaModel) -> None:
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_seq_max, params.kv_unified = CELLS, 3, True
        params.n_threads = params.n_threads_batch = 1
        self.context: Any = lib.llama_init_from_model(model.handle, params)
        self.memory: Any = lib.llama_get_memory(self.context)
        self.slots = Slots(self.memory, 3, CELLS)
        self._batch = Batch(CELLS)

    def use(self, tokens: list[int]) -> tuple[int, int]:
        """Takes a slot for these tokens, computes them and gives it back."""
        slot, shared = self.slots.take(tokens)
        self._batch.clear()
        self._batch.add(slot, shared, tokens[shared:], output=True)
        assert self._batch.decode(self.context) == 0
        self.slots.give_back(slot, tokens)
        return slot, shared

    def held(self, slot: int) -> int:
        """How many cells a slot really has."""
        return int(lib.llama_memory_seq_pos_max(self.memory, slot)) + 1


@pytest.fixture
def cache(model: LlamaModel) -> Any:
    cache = Cache(model)
    yield cache
    lib.llama_free(cache.context)


def test_a_prompt_gets_the_slot_with_its_longest_beginning(cache: Cache) -> None:
    short, _ = cache.use([1, 2, 3])
    long, shared = cache.use([9, 8, 7, 6])
    assert shared == 0
    assert long != short, "an empty slot is taken first"

    assert cache.slots.take([9, 8, 7, 5, 4]) == (long, 3)
    assert cache.held(long) == 3


def test_the_last_token_is_computed_even_if_it_is_known(cache: Cache) -> None:
    slot, _ = cache.use([1, 2, 3])

    assert cache.slots.take([1, 2, 3]) == (slot, 2)
    assert cache.held(slot) == 2


def test_a_longer_prompt_takes_all_that_a_slot_holds(cache: Cache) -> None:
    slot, _ = cache.use([1, 2, 3])

    assert cache.slots.take([1, 2, 3, 4]) == (slot, 3)


def test_when_nothing_is_shared_the_least_recently_used_is_taken(cache: Cache) -> None:
    first = [cache.use([token, token])[0] for token in (1, 2, 3)]
    assert len(set(first)) == 3

    again, shared = cache.slots.take([7, 7])

    assert (again, shared) == (first[0], 0)
    assert cache.held(again) == 0


def test_room_is_made_of_the_least_recently_used_first(cache: Cache) -> None:
    slots = [cache.use([token] * 20)[0] for token in (1, 2, 3)]

    assert cache.slots.make_room(held_cells=0, wanted=20)

    assert [cache.held(slot) for slot in slots] == [0, 20, 20]
    assert cache.slots.kept_cells == 40


def test_room_that_is_there_costs_nothing(cache: Cache) -> None:
    slot, _ = cache.use([1] * 20)

    assert cache.slots.make_room(held_cells=0, wanted=44)

    assert cache.held(slot) == 20


def test_room_that_running_sequences_hold_can_not_be_made(cache: Cache) -> None:
    assert not cache.slots.make_room(held_cells=60, wanted=5)
    assert cache.slots.make_room(held_cells=60, wanted=4)


def test_a_dropped_slot_keeps_nothing(cache: Cache) -> None:
    slot, _ = cache.use([1, 2, 3])
    taken, _ = cache.slots.take([1, 2, 3, 4])
    assert taken == slot

    cache.slots.drop(slot)

    assert cache.held(slot) == 0
    assert cache.slots.available == 3
    assert cache.slots.take([1, 2, 3])[1] == 0

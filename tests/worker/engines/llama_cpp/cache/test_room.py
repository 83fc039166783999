"""States get as much memory as was seen to help."""

from __future__ import annotations

import numpy as np
import pytest

from funland_worker.engines.llama_cpp.cache.room import Room
from funland_worker.engines.llama_cpp.cache.state import State
from funland_worker.engines.llama_cpp.cache.store import StateStore

SIZE = State.of(np.zeros(1000, np.uint8), 0).size


def text(number: int) -> list[int]:
    return [number, *range(1000, 1063)]


def filled(first: int, texts: int, limit: int = 100) -> StateStore:
    store = StateStore(limit * SIZE, first=first * SIZE)
    for number in range(texts):
        put(store, number)
    return store


def put(store: StateStore, number: int) -> None:
    store.put((), text(number), lambda: State.of(np.zeros(1000, np.uint8), 0), lasting=False)


def held(store: StateStore) -> list[int]:
    return sorted(kept.tokens[0] for kept in store.all(()))


def test_what_nobody_comes_back_to_fills_only_the_beginning() -> None:
    store = filled(2, 50)

    assert store.longest((), [99, *text(0)], 0) is None
    put(store, 50)

    assert held(store) == [49, 50]


@pytest.mark.parametrize(
    ("asked", "room"),
    [
        ([0], 6),  # the first of six: all since would have had to stay
        ([2], 4),
        ([3], 4),  # three would do: it doubles at the least
        ([3, 0], 8),
        ([0, 3], 12),
        ([5], 2),  # it is there
        ([], 2),
    ],
)
def test_the_room_grows_to_what_would_have_kept_it(asked: list[int], room: int) -> None:
    store = filled(2, 6)

    for number in asked:
        store.longest((), [*text(number), 7], 0)
    for number in range(10, 30):
        put(store, number)

    assert len(held(store)) == room


def test_it_grows_before_it_gives_up_what_is_come_back_to() -> None:
    store = filled(2, 2)

    for number in range(2, 12):
        store.longest((), [*text(number - 1), 7], 0)
        put(store, number)

    assert held(store) == [*range(12)]


def test_those_who_come_back_find_all_from_then_on() -> None:
    store = filled(2, 4)
    found: list[int] = []
    for _ in range(3):
        for number in range(4):
            kept = store.longest((), [*text(number), 7], 0)
            found.append(kept is not None)
            put(store, number)

    assert found == [False] * 2 + [True] * 10  # two were there, and two were given up


def test_it_grows_no_further_than_it_may() -> None:
    store = filled(2, 50, limit=5)

    store.longest((), [*text(0), 7], 0)
    for number in range(60, 80):
        put(store, number)

    assert held(store) == [75, 76, 77, 78, 79]


def test_one_that_was_too_large_for_the_beginning_is_kept_the_next_time() -> None:
    store = filled(0, 1)
    assert held(store) == []

    assert store.longest((), [*text(0), 7], 0) is None
    put(store, 0)

    assert held(store) == [0]


def test_what_runs_with_other_adapters_does_not_count() -> None:
    room = Room(SIZE, 9 * SIZE)
    room.gave_up((), text(0), room.took(3 * SIZE))

    room.looked_for((("a", 1.0),), text(0), 0, entire=False)
    assert room.bytes == SIZE
    room.looked_for((), text(0), len(text(0)), entire=False)  # as much is there
    room.looked_for((), text(0)[:31], 0, entire=False)  # any text might begin so
    assert room.bytes == SIZE
    room.looked_for((), text(0), 10, entire=False)
    assert room.bytes == 3 * SIZE


def test_only_so_many_are_remembered() -> None:
    room = Room(0, SIZE)
    for number in range(257):
        room.gave_up((), text(number), room.took(1))

    room.looked_for((), text(0), 0, entire=False)
    assert room.bytes == 0
    room.looked_for((), text(1), 0, entire=False)
    assert room.bytes == 256

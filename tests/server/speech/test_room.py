"""Which sounds of an answer give way where they are too much together: whoever is faster."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest

from funland_server.speech.errors import AnswerTooLargeError
from funland_server.speech.room import Room

LIMIT = 10
SHORT, LONG = 3, 12


def every_order(*sizes: int) -> Iterator[list[int]]:
    """All the orders in which two sounds can be heard byte by byte: whose byte it is."""
    first, second = sizes
    for places in combinations(range(first + second), first):
        yield [0 if place in places else 1 for place in range(first + second)]


@pytest.mark.parametrize("sizes", [(SHORT, LONG), (LONG, SHORT)])
def test_what_is_short_is_answered_beside_what_is_too_long(sizes: tuple[int, int]) -> None:
    for order in every_order(*sizes):
        room = Room(LIMIT)
        shares = [room.share(), room.share()]
        failed: set[int] = set()
        for index in order:
            if index in failed:
                continue
            try:
                shares[index].take(b"x")
                if shares[index].size == sizes[index]:
                    shares[index].finish()
            except AnswerTooLargeError:
                failed.add(index)
                shares[index].leave()

        assert failed == {sizes.index(LONG)}, order
        assert shares[sizes.index(SHORT)].audio == b"x" * SHORT


def test_what_is_whole_stays_and_what_left_is_room_for_others() -> None:
    room = Room(LIMIT)
    whole, left, last = room.share(), room.share(), room.share()
    whole.take(bytes(6))
    whole.finish()
    left.take(bytes(4))

    with pytest.raises(AnswerTooLargeError):
        last.take(bytes(5))
    left.leave()
    again = room.share()
    again.take(bytes(4))

    assert (whole.size, left.size, again.size) == (6, 0, 4)


def test_a_sound_that_gave_way_is_told_so_when_it_would_end() -> None:
    room = Room(LIMIT)
    long, short = room.share(), room.share()
    long.take(bytes(9))
    short.take(bytes(2))

    with pytest.raises(AnswerTooLargeError):
        long.finish()

    assert long.audio == b""

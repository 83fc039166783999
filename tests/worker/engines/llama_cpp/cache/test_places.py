"""Where states are kept, by the marks of the templates that there are."""

from __future__ import annotations

import pytest

from funland_worker.engines.llama_cpp.cache.places import (
    APART,
    Place,
    message_ends,
    places,
    reachable,
)
from funland_worker.engines.stand_ins import stand_ins

END, MARKS = "E", "<>TE"
"""E ends a message; < and > stand around who speaks, T is a thought's mark, _ any other token."""


def ends(prompt: str) -> list[int]:
    return message_ends(
        [*map(ord, prompt)], lambda token: chr(token) in MARKS, lambda token: chr(token) == END
    )


LONG = "_" * 40


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        # a mark at both ends of a message; what stands before the marks is a line's end
        (f"<_{LONG}E_<_{LONG}E_<_", [43, 87]),
        (f"<_{LONG}E_<_{LONG}E_<_T_T_", [43, 87]),
        # marks around who speaks, and a mark where all begins
        (f"E<_>_{LONG}E<_>_{LONG}E<_>_", [46, 91]),
        # marks where a message begins, none at its end
        (f"<_{LONG}<_{LONG}<_", [42, 84]),
        # none, or one where all begins
        (LONG, []),
        (f"<{LONG}", []),
        # what is said is as short as who speaks
        (f"<_{LONG}<__<_", [42]),
    ],
)
def test_messages_end_where_marks_show_it(prompt: str, expected: list[int]) -> None:
    assert ends(prompt) == expected


def kept(length: int, inside: list[int], *, known: int = 0, leaves: int = 0) -> dict[int, bool]:
    found = places([1] * length, inside, known=known, leaves=leaves)
    assert found == sorted(found)
    return {place.at: place.shared for place in found}


def test_the_first_message_is_for_all_and_the_last_for_the_next_turn() -> None:
    assert kept(400, [100, 200, 300, 390]) == {100: True, 390: False}


def test_the_end_is_a_place_where_no_message_ends_near() -> None:
    assert kept(400, []) == {399: False}
    assert kept(400, [100]) == {100: False, 399: False}


def test_what_is_known_is_not_kept_again() -> None:
    assert kept(400, [100, 390], known=100) == {390: False}
    assert kept(400, [100, 390], known=390 - APART + 1) == {}


def test_where_a_text_leaves_another_is_for_all() -> None:
    assert kept(400, [390], leaves=200) == {200: True, 390: False}
    assert kept(400, [390], known=190, leaves=200) == {390: False}


def test_places_near_each_other_are_one_and_short_ones_none() -> None:
    assert kept(400, [380, 390]) == {390: False}
    assert kept(400, [20, 390]) == {390: False}


def test_no_place_is_amid_a_picture() -> None:
    picture = stand_ins(b"a", 0, 60, 60)

    assert places([*[1] * 100, *picture, *[1] * 40], [120, 190], known=0, leaves=0) == [
        Place(190, shared=False)
    ]


@pytest.mark.parametrize(
    ("computed", "length", "expected"),
    [
        (0, 110, 100),
        (0, 100, 100),
        (0, 99, 99),
        (0, 150, 150),
        (100, 110, 110),
        (120, 110, 0),
        (110, 110, 0),
    ],
)
def test_a_text_stops_for_another_at_its_place_or_where_they_part(
    computed: int, length: int, expected: int
) -> None:
    assert (
        reachable([Place(100, shared=True), Place(390, shared=False)], computed, length) == expected
    )

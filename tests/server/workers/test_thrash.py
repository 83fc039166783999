"""Models that push each other out of memory are noticed, and forgotten when that has ended."""

from __future__ import annotations

import pytest

from funland_server.workers.thrash import (
    WINDOW_SECONDS,
    Eviction,
    Evictions,
    Thrash,
    in_words,
    thrashing,
)

NOW = 10_000.0


def evictions(*pairs: str, age: float = 1) -> list[Eviction]:
    """Of pairs such as `a>b`: a left for b."""
    return [Eviction(NOW - age, *pair.split(">")) for pair in pairs]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([], []),
        (evictions("a>b", "b>a"), []),
        (evictions("a>b", "b>a", "a>b"), []),
        (evictions("a>b", "b>a", "a>b", "b>a"), [Thrash(("a", "b"), 4)]),
        (evictions("a>b", "a>c", "a>b", "a>c"), []),
        (evictions("a>b", "b>c", "c>a") * 2, [Thrash(("a", "b", "c"), 6)]),
        (evictions("a>b", "b>a") * 3 + evictions("d>a"), [Thrash(("a", "b"), 6)]),
        (
            evictions("a>b", "b>a", "c>d", "d>c") * 2,
            [Thrash(("a", "b"), 4), Thrash(("c", "d"), 4)],
        ),
        (
            evictions("a>b", "b>a", age=WINDOW_SECONDS) + evictions("a>b", "b>a"),
            [],
        ),
    ],
    ids=[
        "nothing", "once", "not both twice", "a pair", "one that always leaves", "a ring",
        "a pair and one beside", "two pairs", "long ago",
    ],
)  # fmt: skip
def test_thrashing(told: list[Eviction], found: list[Thrash]) -> None:
    assert thrashing(told, NOW) == found


def test_only_what_is_part_of_it_is_counted() -> None:
    latest = Evictions()

    noted = [
        latest.note(NOW + number, *pair.split(">"))
        for number, pair in enumerate(["a>b", "b>a", "c>a", "a>b", "b>a", "c>a", "a>b"])
    ]

    assert noted == [False, False, False, False, True, False, True]
    assert latest.thrashing(NOW + 10) == [Thrash(("a", "b"), 5)]
    assert latest.thrashing(NOW + 10 + WINDOW_SECONDS) == []


def test_it_is_said_what_happens_and_what_to_do() -> None:
    words = in_words(Thrash(("a", "b", "c"), 6))

    assert words.startswith("a, b and c push each other out of memory, 6 times in the last 5 min")
    assert "server.memory_limit_bytes" in words
    assert "pin" in words

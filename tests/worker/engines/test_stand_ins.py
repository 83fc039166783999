"""Numbers that stand for rows of what is shown: caches know by them what they may keep."""

from __future__ import annotations

import itertools

import pytest

from funland_worker.engines.media import MediaChunk, from_whole, spans
from funland_worker.engines.stand_ins import last_begin, shift, stand_ins, whole

CAT, DOG = b"cat", b"dog"
ROWS = 6
BEHIND = stand_ins(CAT, 0, ROWS, ROWS)
"""Rows one behind the other."""
BESIDE = stand_ins(DOG, 0, ROWS, 2)
"""Rows that lie beside each other, and take two positions."""


def test_the_same_is_the_same_and_all_else_is_not() -> None:
    chunks = [
        stand_ins(content, number, ROWS, ROWS)
        for content, number in itertools.product((CAT, DOG), (0, 1))
    ]

    assert stand_ins(CAT, 0, ROWS, ROWS) == BEHIND
    assert len({one for chunk in chunks for one in chunk}) == 4 * ROWS


@pytest.mark.parametrize("rows", [1, 2, 4096])
def test_they_are_no_tokens_and_fit_64_bits(rows: int) -> None:
    found = stand_ins(CAT, 0, rows, rows)

    assert len(set(found)) == rows
    assert all(-(2**63) <= one < 0 for one in found)


@pytest.mark.parametrize(
    ("tokens", "length", "kept"),
    [
        ([1, 2, 3], 2, 2),
        ([1, *BEHIND, 2], 8, 8),
        ([1, *BEHIND, 2], 7, 7),
        ([1, *BEHIND, 2], 6, 1),
        ([1, *BEHIND, 2], 2, 1),
        ([1, *BEHIND, 2], 1, 1),
        ([*BEHIND, *BESIDE], 8, 6),
        ([*BEHIND, *BESIDE], 5, 0),
        ([], 0, 0),
    ],
)
def test_no_chunk_is_cut_in_two(tokens: list[int], length: int, kept: int) -> None:
    assert whole(tokens, length) == kept


@pytest.mark.parametrize(
    ("tokens", "lacks"),
    [
        ([], 0),
        ([1, 2], 0),
        ([1, *BEHIND, 2], 0),
        ([1, *BESIDE, 2], 4),
        ([1, *BESIDE[:3]], 3),
        ([*BESIDE, 5, *BESIDE], 8),
    ],
)
def test_rows_beside_each_other_take_fewer_positions(tokens: list[int], lacks: int) -> None:
    assert shift(tokens) == lacks


@pytest.mark.parametrize(
    ("tokens", "position"),
    [([7, 8, 9], 2), ([7, *BEHIND], 1), ([7, *BESIDE], 1), ([7, *BESIDE, 8], 3), ([*BEHIND], 0)],
)
def test_the_last_begins_where_its_chunk_does(tokens: list[int], position: int) -> None:
    assert last_begin(tokens) == position


def test_chunks_are_found_where_they_stand_also_twice() -> None:
    cat, dog = MediaChunk(BEHIND, ROWS), MediaChunk(BESIDE, 2)

    found = spans([1, *BEHIND, 2, 3, *BESIDE, *BEHIND], [cat, dog])

    assert [(one.start, one.stop, one.chunk) for one in found] == [
        (1, 7, cat), (9, 15, dog), (15, 21, cat),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "left"),
    [
        ([1, *BEHIND], [1, *BEHIND]),
        ([*BEHIND, 1], [*BEHIND, 1]),
        ([*BEHIND[2:], 1], [1]),
        ([*BEHIND[2:], *BESIDE, 1], [*BESIDE, 1]),
        ([*BEHIND[2:]], []),
    ],
)
def test_a_prompt_that_was_cut_begins_with_what_is_whole(
    tokens: list[int], left: list[int]
) -> None:
    chunks = [MediaChunk(BEHIND, ROWS), MediaChunk(BESIDE, 2)]

    assert from_whole(tokens, chunks) == left

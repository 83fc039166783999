"""Passes hold every token once, in order, and no more than they may."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from funland_worker.engines.llama_cpp.passes import Part, plan


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 12), st.integers(1, 5))
def test_every_token_is_read_once_and_in_order(
    lengths: list[int], rows: int, sequences: int
) -> None:
    passes = plan(lengths, rows, sequences)

    read = [
        (part.text, token) for p in passes for part in p for token in range(part.start, part.stop)
    ]
    assert read == [(text, token) for text, length in enumerate(lengths) for token in range(length)]
    for parts in passes:
        assert len(parts) <= sequences
        assert [part.sequence for part in parts] == list(range(len(parts)))
        row = 0
        for part in parts:
            assert part.row == row
            row += part.stop - part.start
        assert 0 < row <= rows


@given(st.lists(st.integers(1, 12), max_size=40), st.integers(12, 40))
def test_what_fits_into_a_pass_is_never_divided(lengths: list[int], rows: int) -> None:
    parts = [part for parts in plan(lengths, rows, 40) for part in parts]

    assert [(part.start, part.stop) for part in parts] == [(0, length) for length in lengths]


def test_short_texts_share_a_pass_and_long_ones_do_not() -> None:
    assert plan([3, 0, 4, 9, 2], rows=8, sequences=4) == [
        [Part(0, 0, 0, 0, 3), Part(2, 1, 3, 0, 4)],
        [Part(3, 0, 0, 0, 8)],
        [Part(3, 0, 0, 8, 9)],
        [Part(4, 0, 0, 0, 2)],
    ]

"""Cells of copies, held against sets of cells."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from funland_worker.engines.llama_cpp.cache.shared_cells import SharedCells

SEQUENCES = st.integers(0, 3)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["grow", "copy", "cut", "remove"]), SEQUENCES, st.integers(0, 9)),
    max_size=40,
)


@given(CHANGES)
def test_a_cell_that_several_have_is_counted_once(changes: list[tuple[str, int, int]]) -> None:
    cells, plain, new = SharedCells(), {one: list[int]() for one in range(4)}, count()
    for what, sequence, number in changes:
        if what == "grow":
            cells.grow(sequence, number)
            more = number - len(plain[sequence])
            plain[sequence] += [next(new) for _ in range(more)]
        elif what == "copy" and sequence != number % 4:
            cells.copy(number % 4, sequence)
            plain[sequence] = list(plain[number % 4])
        elif what == "cut":
            cells.cut(sequence, number)
            del plain[sequence][number:]
        elif what == "remove":
            cells.remove(sequence)
            plain[sequence] = []

        assert [cells.length(one) for one in range(4)] == [len(plain[one]) for one in range(4)]
        assert cells.total == len({cell for one in plain.values() for cell in one})

"""Which files leave a node's folder of weights for another one."""

from __future__ import annotations

import pytest

from funland_worker.remote.leaving import Kept, leaving

OLD, NEW, USED = Kept("old", 40, 1, False), Kept("new", 30, 2, False), Kept("used", 20, 0, True)
EMPTY = Kept("empty", 0, 0, False)


@pytest.mark.parametrize(
    ("kept", "needed", "limit", "expected"),
    [
        ([], 100, 100, []),
        ([], 101, 100, None),
        ([OLD, NEW], 30, 100, []),
        ([NEW, OLD], 31, 100, ["old"]),
        ([OLD, NEW], 71, 100, ["old", "new"]),
        ([OLD, NEW, USED], 80, 100, ["old", "new"]),
        ([OLD, NEW, USED], 81, 100, None),
        ([USED], 80, 100, []),
        ([USED], 81, 100, None),
        ([EMPTY, OLD], 61, 100, ["old"]),
        ([OLD], 10, 0, None),
    ],
)
def test_what_leaves(kept: list[Kept], needed: int, limit: int, expected: list[str] | None) -> None:
    chosen = leaving(kept, needed, limit)

    assert (None if chosen is None else [file.name for file in chosen]) == expected

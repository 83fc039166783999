"""Which part goes to which connection, and how many connections there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from funland_server.downloads.fetching.lanes import Lanes
from funland_server.downloads.fetching.parts import LEAST, MOST, Part, Parts, part_size
from funland_server.downloads.files.journal import BLOCK

SIZE = 40 * BLOCK + 5


def test_parts_are_given_out_from_the_front() -> None:
    parts = Parts([(0, SIZE)])

    first, second = parts.take(1, 8 * BLOCK), parts.take(2, 8 * BLOCK)

    assert first == Part(0, 8 * BLOCK)
    assert second == Part(8 * BLOCK, 16 * BLOCK)


def test_a_part_that_begins_amid_a_block_ends_where_blocks_do() -> None:
    parts = Parts([(BLOCK + 7, 3 * BLOCK), (20 * BLOCK, SIZE)])

    assert parts.take(1, LEAST) == Part(BLOCK + 7, 3 * BLOCK)
    assert parts.take(2, LEAST) == Part(20 * BLOCK, 24 * BLOCK)


def test_what_was_given_back_is_taken_first() -> None:
    parts = Parts([(0, SIZE)])
    part = parts.take(1, 8 * BLOCK)
    parts.take(2, 8 * BLOCK)
    assert part is not None
    part.start += 100
    parts.give_back(1)

    assert parts.take(3, 8 * BLOCK) == Part(100, 8 * BLOCK)


def test_the_part_that_takes_longest_is_split() -> None:
    parts = Parts([(0, 16 * BLOCK)])
    slow, fast = parts.take(1, 8 * BLOCK), parts.take(2, 8 * BLOCK)
    assert slow is not None
    assert fast is not None

    found = parts.slowest({1: BLOCK, 2: 8 * BLOCK})
    assert found == (1, 8.0)
    taken = parts.split(1, 3)

    assert (slow, taken) == (Part(0, 4 * BLOCK), Part(4 * BLOCK, 8 * BLOCK))


def test_a_part_of_two_blocks_is_not_split() -> None:
    parts = Parts([(0, 2 * BLOCK)])
    parts.take(1, LEAST)

    assert parts.slowest({1: 1.0}) is None


def test_a_part_is_about_a_second_s_worth() -> None:
    assert part_size(0) == LEAST
    assert part_size(10 * BLOCK + 3) == 10 * BLOCK
    assert part_size(10**12) == MOST


@given(
    st.integers(1, SIZE),
    st.lists(st.tuples(st.sampled_from("tgsa"), st.integers(0, 3), st.integers(0, 10**7))),
)
def test_no_byte_is_ever_lost_or_fetched_by_two(
    size: int, does: list[tuple[str, int, int]]
) -> None:
    parts = Parts([(0, size)])
    there: list[tuple[int, int]] = []
    for what, connection, count in does:
        part = parts.taken.get(connection)
        match what:
            case "t" if part is None:
                parts.take(connection, LEAST)
            case "g" if part is not None:
                parts.give_back(connection)
            case "a" if part is not None:
                end = min(part.start + count, part.end)
                there.append((part.start, end))
                part.start = end
            case "s" if part is None and (found := parts.slowest({})) is not None:
                parts.split(found[0], connection)
            case _:
                pass
    for connection in list(parts.taken):
        parts.give_back(connection)
    while (part := parts.take(9, MOST)) is not None:
        there.append((part.start, part.end))
        part.start = part.end
        parts.give_back(9)

    covered = 0
    for start, end in sorted(there):
        assert start in (covered, end)
        covered = max(covered, end)
    assert covered == size
    assert parts.done


def test_connections_grow_while_each_more_brings_more() -> None:
    lanes, counts = Lanes(16), list[int]()
    for _ in range(8):
        counts.append(lanes.wanted)
        lanes.measured(24.0 * lanes.wanted)

    assert counts == [4, 4, 8, 8, 16, 16, 16, 16]


def test_connections_go_back_where_more_bring_nothing() -> None:
    lanes, counts = Lanes(16), list[int]()
    for _ in range(6):
        counts.append(lanes.wanted)
        lanes.measured(100.0)

    assert counts == [4, 4, 8, 8, 4, 4]


def test_the_time_in_which_connections_are_made_does_not_count() -> None:
    lanes, counts = Lanes(16), list[int]()
    for speed in (1, 96, 1, 192, 1, 384, 1):
        lanes.measured(speed)
        counts.append(lanes.wanted)

    assert counts == [4, 8, 8, 16, 16, 16, 16]


def test_more_are_tried_again_after_a_while() -> None:
    lanes = Lanes(16)
    counts = set[int]()
    for number in range(100):
        lanes.measured(100.0 if number < 20 else 25.0 * lanes.wanted)
        counts.add(lanes.wanted)

    assert 16 in counts


def test_no_more_than_a_server_takes_or_a_caller_allows() -> None:
    lanes = Lanes(16)
    lanes.refused(3)
    assert lanes.wanted == 3
    lanes.refused(0)
    assert lanes.wanted == 1

    few = Lanes(2)
    for speed in (100, 1000, 10_000, 100_000):
        few.measured(speed)
    assert few.wanted == 2
    few.limit(1)
    assert few.wanted == 1

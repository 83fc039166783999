"""Where spans begin and end, by likelihoods alone."""

from __future__ import annotations

import itertools

import pytest

from funland_worker.hearing.voice.deciding import Rules, SpanDecider, quietest

RULES = Rules(shortest=2, pause=3, padding=1, longest=12)


def decided(likely: str, rules: Rules = RULES) -> tuple[list[tuple[int, int]], int | None]:
    """The spans of likelihoods, each a digit in tenths; and the one that is open at the end."""
    decider = SpanDecider(rules)
    spans = [decider.step(int(each) / 10) for each in likely]
    return [(each.first, each.after) for each in spans if each], decider.open


@pytest.mark.parametrize(
    ("likely", "spans", "open_"),
    [
        ("", [], None),
        ("0000000000", [], None),
        ("0000990000", [(3, 7)], None),
        ("990000", [(0, 3)], None),  # the padding ends where the sound begins
        ("00009000000", [], None),  # shorter than the shortest
        ("00009009000", [(3, 9)], None),  # a pause within
        ("000099000099000", [(3, 7), (9, 13)], None),
        ("0000990009900", [(3, 7)], 8),
        ("004400000", [], None),  # not likely enough to begin
        ("009440000", [(1, 6)], None),  # but to go on
        ("0003990000", [(3, 7)], None),
        ("009933333333", [(1, 5)], None),
        ("00099", [], 2),
        ("0009", [], None),  # it may be one, but is none yet
    ],
)  # fmt: skip
def test_where_spans_are(likely: str, spans: list[tuple[int, int]], open_: int | None) -> None:
    assert decided(likely) == (spans, open_)


def test_the_padding_of_two_spans_does_not_overlap() -> None:
    rules = Rules(shortest=1, pause=2, padding=2, longest=100)

    spans, _ = decided("0099009900", rules)

    assert spans == [(0, 6), (6, 10)]


@pytest.mark.parametrize(
    ("likely", "cuts"),
    [
        ("999999997999999999", [8]),  # where it is the least likely speech
        ("999999999899779999", [9]),
        ("999999998878999999", [10]),
        ("990999999999999999", [10]),  # if that is in the last third; else as late as can be
    ],
)
def test_what_is_too_long_is_cut_where_it_is_quietest(likely: str, cuts: list[int]) -> None:
    spans, open_ = decided(likely)

    assert [after for _, after in spans] == cuts
    assert open_ == cuts[-1]  # the rest goes on


def test_cuts_of_endless_speech_leave_nothing_out() -> None:
    spans, open_ = decided("9" * 100)

    assert spans[0][0] == 0
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    assert all(0 < after - first <= RULES.longest for first, after in spans)
    assert open_ == spans[-1][1]


def test_a_whole_ends_at_once_and_the_next_begins_behind_it() -> None:
    decider = SpanDecider(RULES)
    for _ in range(4):
        assert decider.step(0.9) is None

    ended = decider.finish()
    again = decider.finish()
    for _ in range(2):
        decider.step(0.9)

    assert ended is not None
    assert (ended.first, ended.after) == (0, 4)
    assert again is None
    assert decider.open == 4


@pytest.mark.parametrize("length", range(4, 40))
def test_a_cut_parts_what_it_cuts(length: int) -> None:
    assert 0 < quietest([0.9] * length) < length


@pytest.mark.parametrize("likely", ["0" * 50, "0099" + "0" * 50, "9" * 60, "0009" + "0" * 30])
def test_what_may_be_needed_is_bounded(likely: str) -> None:
    decider = SpanDecider(RULES)
    for number, each in enumerate(likely):
        decider.step(int(each) / 10)
        assert number + 1 - decider.needed <= RULES.longest

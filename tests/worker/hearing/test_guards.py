"""What is decided of what was decoded of a window."""

from __future__ import annotations

import pytest

from funland_worker.hearing.guards import (
    Attempt,
    Result,
    Verdict,
    compression_ratio,
    ends_twice,
    goes_on,
    judged,
    next_attempt,
    token_limit,
    usable,
    usual_tokens,
)

SAID = "The quick brown fox jumps over the lazy dog near the river bank."
LOOP = "I'm going to put it in the pot. " * 12


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (Result(SAID, 16, -0.2, 0.01), Verdict.ACCEPTED),
        (Result(SAID, 16, -0.2, 0.97), Verdict.ACCEPTED),  # sure of its words: somebody speaks
        (Result("you", 3, -1.23, 0.89), Verdict.SILENT),  # of silence, as measured
        (Result("you", 3, -1.03, 0.94), Verdict.SILENT),
        (Result("Thank you.", 5, -1.29, 0.9), Verdict.SILENT),
        (Result("I'm going to put the water in the pot.", 80, -0.66, 0.9), Verdict.SILENT),
        (Result(LOOP, 90, -0.3, 0.1), Verdict.AGAIN),
        (Result(SAID, 16, -1.2, 0.1), Verdict.AGAIN),  # it guesses
        (Result(SAID, 86, -0.2, 0.1), Verdict.AGAIN),  # it was cut off
        (Result("ha ha ha ha ha", 10, -0.4, 0.1), Verdict.ACCEPTED),  # people do that
        (Result("", 0, -0.1, 0.1), Verdict.ACCEPTED),
    ],
)
def test_a_result_is_judged(result: Result, verdict: Verdict) -> None:
    assert judged(result, limit=86, whole=True) is verdict
    assert judged(result, limit=86, whole=False) is verdict


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ("请问火车站怎么走。请问火车站怎么走。", True),  # of a window of 5 seconds, as measured
        ("I see. Come to the table, come to the table.", True),
        ("请问火车站怎么走。", False),
        ("谢谢，谢谢。", False),  # people do that
        ("No, no. Ha ha ha.", False),
        ("Come to the table. I see.", False),
        ("", False),
    ],
)
def test_what_a_short_window_says_twice_is_heard_again_in_the_whole_one(
    text: str, twice: bool
) -> None:
    again = Verdict.AGAIN if twice else Verdict.ACCEPTED

    assert ends_twice(text) is twice
    assert judged(Result(text, 22, -0.12, 0.0), limit=86, whole=False) is again
    assert judged(Result(text, 22, -0.12, 0.0), limit=86, whole=True) is Verdict.ACCEPTED


def test_after_a_failure_comes_the_whole_window_and_then_more_chance() -> None:
    tried = [Attempt(0.0, whole=False)]
    while (following := next_attempt(tried[-1])) is not None:
        tried.append(following)

    assert [(one.temperature, one.whole) for one in tried] == [
        (0.0, False), (0.0, True), (0.4, True), (0.8, True),
    ]  # fmt: skip
    assert next_attempt(Attempt(1.0, whole=True)) is None


@pytest.mark.parametrize(
    ("result", "counts"),
    [
        (Result(SAID, 16, -1.4, 0.1), True),  # better than nothing
        (Result(LOOP, 80, -0.2, 0.1), False),
        (Result(SAID, 86, -0.2, 0.1), False),
        (Result(SAID, 16, -1.4, 0.7), False),
    ],
)
def test_what_is_left_counts_unless_it_is_no_text(result: Result, counts: bool) -> None:
    assert usable(result, limit=86) is counts


@pytest.mark.parametrize(
    ("result", "on"),
    [
        (Result(SAID, 15, -0.2, 0.1), False),  # it ended
        (Result(SAID, 16, -0.2, 0.1), True),  # somebody speaks fast
        (Result(LOOP, 16, -0.2, 0.1), False),  # it has run away
    ],
)
def test_what_was_cut_off_goes_on_unless_it_repeats_itself(result: Result, on: bool) -> None:
    assert goes_on(result, limit=16) is on


def test_a_text_that_repeats_itself_compresses_better() -> None:
    assert compression_ratio(SAID) < 1.5
    assert compression_ratio(LOOP) > 2.4
    assert compression_ratio("") == 0


def test_a_window_may_have_what_can_be_spoken_in_it() -> None:
    assert [usual_tokens(seconds) for seconds in (5, 10, 30)] == [51, 86, 226]
    assert token_limit(5) == 86
    assert token_limit(30) == 224, "no more than the network looks back on"

"""When there is time for a preview."""

from __future__ import annotations

import pytest

from funland_worker.images.pace import Pace, Pacer, due_steps, has_time, stay_s


@pytest.mark.parametrize(
    ("runs", "every", "previews", "due"),
    [
        (20, 0, 0, set[int]()),
        (20, 0, 1, {10}),
        (20, 0, 3, {5, 10, 15}),
        (4, 0, 3, {1, 2, 3}),
        (3, 0, 3, {1, 2}),
        (2, 0, 3, {1}),
        (1, 0, 3, set[int]()),
        (10, 3, 0, {3, 6, 9}),
        (10, 5, 0, {5}),
        (10, 10, 0, set[int]()),
        (10, 200, 0, set[int]()),
    ],
)
def test_previews_are_due_evenly_and_none_after_the_last_step(
    runs: int, every: int, previews: int, due: set[int]
) -> None:
    assert due_steps(runs, every=every, previews=previews) == due


def test_as_many_are_due_as_are_asked_for_if_there_are_more_steps() -> None:
    for runs in range(1, 201):
        for previews in range(9):
            due = due_steps(runs, previews=previews)
            assert len(due) == min(previews, runs - 1)
            assert all(0 < step < runs for step in due)


def awaited(left: int, step_s: float = 1.0, *, behind: bool = False) -> Pace:
    return Pace(left, awaited=True, behind=behind, step_s=2 * step_s, fastest_s=step_s)


@pytest.mark.parametrize(
    ("pace", "decoding_s", "has"),
    [
        # Nothing can be lost that is awaited.
        (Pace(1, step_s=1.0), 9.0, True),
        (Pace(1, step_s=1.0, behind=True), 9.0, True),
        (Pace(5), 0.0, True),
        # It may be: what is not known is no time.
        (Pace(9, awaited=True), 0.1, False),
        (awaited(9, behind=True), 0.1, False),
        (awaited(9), 0.1, True),
        (awaited(9), 4.0, True),
        (awaited(9), 4.1, False),
        (awaited(3), 1.0, True),
        (awaited(2), 0.1, False),
        # How long decoding takes is guessed.
        (awaited(9), 0.0, True),
        (awaited(8), 0.0, False),
    ],
)
def test_what_is_kept_is_decoded_when_no_call_is_lost_by_it(
    pace: Pace, decoding_s: float, has: bool
) -> None:
    assert has_time(pace, decoding_s) == has


@pytest.mark.parametrize(
    ("pace", "seconds"),
    [
        (Pace(9), 0.0),
        (Pace(9, step_s=2.0, fastest_s=1.0), 1.8),
        (Pace(9, step_s=2.0, behind=True), 0.0),
        (Pace(9, step_s=2.0, awaited=True), 0.0),
    ],
)
def test_a_call_stays_for_most_of_a_step_unless_others_come(pace: Pace, seconds: float) -> None:
    assert stay_s(pace) == pytest.approx(seconds)


def test_a_step_is_measured_between_calls_that_did_not_wait() -> None:
    pacer = Pacer(10)
    told: list[Pace] = []
    for done, began, returned in (
        (1, 100.0, 100.0),  # what came before it was no step
        (2, 102.0, 102.0),
        (3, 103.0, 106.5),  # it decoded
        (4, 106.51, 106.51),  # so it waited, and how long its step took is not known
        (5, 106.52, 106.52),
        (6, 107.0, 107.9),  # nor of this one
        (7, 108.5, 108.5),
    ):
        told.append(pacer.called(done, began, awaited=done < 5))
        pacer.returned(returned)

    assert [pace.left for pace in told] == [9, 8, 7, 6, 5, 4, 3]
    assert [pace.awaited for pace in told] == [True] * 4 + [False] * 3
    assert [pace.behind for pace in told] == [False, False, False, True, True, False, False]
    assert [pace.step_s for pace in told] == [0, 2, 1, 1, 1, 1, 1.5]
    assert [pace.fastest_s for pace in told] == [0, 2, 1, 1, 1, 1, 1]

"""When what nobody waits for is computed beside what somebody does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from funland_worker.engines.background import (
    SHARE,
    Background,
    Crowd,
    Part,
    beside_live,
    crowd_of,
    taking_part,
    youngest_background,
)

WRITING = Crowd(writing=2, prompts=0, background=16)
READING = Crowd(writing=2, prompts=1, background=16)


@dataclass(frozen=True)
class Text:
    background: bool
    decoding: bool = True


def learned(alone_ms: float = 10.0) -> Background:
    """It knows what a pass of two live texts takes."""
    background = Background()
    background.measured(Part.LIVE, WRITING, alone_ms)
    return background


@pytest.mark.parametrize(
    ("crowd", "part"),
    [
        (Crowd(0, 0, 0), Part.ALL),
        (Crowd(4, 0, 0), Part.ALL),  # there is nobody to leave out
        (Crowd(4, 2, 0), Part.ALL),
        (Crowd(0, 0, 16), Part.ALL),  # there is nobody to disturb
        (Crowd(0, 1, 16), Part.LIVE),  # a first token is waited for
        (Crowd(2, 1, 16), Part.LIVE),
        (Crowd(2, 0, 16), Part.ALL),
        (Crowd(3, 0, 16), Part.LIVE),  # what three take alone is not known yet
    ],
)
def test_who_takes_part(crowd: Crowd, part: Part) -> None:
    assert learned().part(crowd) is part


def share_of(beside_ms: float, passes: int = 4000, alone_ms: float = 10.0) -> tuple[float, float]:
    """How much longer live texts take beside the background, and in which part of their passes it
    takes part, if a pass of all takes so long."""
    background = learned(alone_ms)
    total, together = 0.0, 0
    for _ in range(passes):
        part = background.part(WRITING)
        taken = beside_ms if part is Part.ALL else alone_ms
        background.measured(part, WRITING, taken)
        total += taken
        together += part is Part.ALL
    return total / (passes * alone_ms) - 1, together / passes


@pytest.mark.parametrize("beside_ms", [10.0, 10.5, 12.0, 20.0, 80.0, 400.0])
def test_live_texts_lose_the_share_and_no_more(beside_ms: float) -> None:
    lost, _ = share_of(beside_ms)

    assert lost <= SHARE + 0.01


@pytest.mark.parametrize("beside_ms", [12.0, 20.0, 80.0, 400.0])
def test_the_background_gets_its_share_at_least(beside_ms: float) -> None:
    lost, _ = share_of(beside_ms)

    assert lost >= SHARE - 0.01


def test_where_more_rows_cost_nothing_the_background_goes_along() -> None:
    _, together = share_of(10.5)

    assert together > 0.9


def test_where_each_row_costs_it_goes_along_now_and_then() -> None:
    _, together = share_of(80.0)

    assert 0.005 < together < 0.02


def test_what_live_texts_take_alone_is_learned_anew_as_they_grow() -> None:
    background = learned()
    alone = 10.0
    lost: list[float] = []
    for _ in range(2000):
        alone *= 1.001  # a pass of all always takes a tenth more
        part = background.part(WRITING)
        background.measured(part, WRITING, alone * (1.1 if part is Part.ALL else 1.0))
        lost.append(0.1 if part is Part.ALL else 0.0)

    assert SHARE - 0.04 < sum(lost[1000:]) / 1000 <= SHARE + 0.01


def test_prompts_without_end_do_not_starve_the_background() -> None:
    background = learned()
    live = own = 0.0
    for _ in range(20_000):
        part = background.part(READING)
        taken = 60.0 if part is Part.BACKGROUND else 5.0
        background.measured(part, READING, taken)
        if part is Part.BACKGROUND:
            own += taken
        else:
            live += taken

    assert own / live == pytest.approx(SHARE, abs=0.01)


def test_a_first_token_waits_for_no_background_unless_there_was_none_for_long() -> None:
    background = learned()

    parts: list[Part] = []
    for _ in range(10):
        parts.append(background.part(READING))
        background.measured(parts[-1], READING, 50.0)

    assert set(parts) == {Part.LIVE}


def test_a_pause_of_the_machine_is_not_paid_for_by_minutes() -> None:
    background = learned()
    background.measured(Part.ALL, WRITING, 3_600_000.0)

    passes = 0
    while background.part(WRITING) is not Part.ALL:
        background.measured(Part.LIVE, WRITING, 10.0)
        passes += 1

    assert passes * 10.0 < 30_000


def test_what_takes_far_longer_than_usual_is_not_the_backgrounds_doing() -> None:
    usual, disturbed = learned(), learned()
    for background in (usual, disturbed):
        background.measured(Part.ALL, WRITING, 12.0)
    usual.measured(Part.ALL, WRITING, 48.0)
    disturbed.measured(Part.ALL, WRITING, 500.0)

    paid = [passes_until_paid(background) for background in (usual, disturbed)]

    assert paid[0] == paid[1]


def passes_until_paid(background: Background) -> int:
    passes = 0
    while background.part(WRITING) is not Part.ALL:
        background.measured(Part.LIVE, WRITING, 10.0)
        passes += 1
    return passes


def test_slots_that_live_texts_had_lately_stay_free_for_a_while() -> None:
    background = Background()

    kept = [
        background.kept_slots(Crowd(writing, prompts, 16), now)
        for now, writing, prompts in [
            (0.0, 2, 1),
            (0.1, 2, 0),
            (0.2, 0, 0),
            (0.9, 0, 0),
            (1.1, 0, 0),
            (1.9, 0, 0),
            (2.1, 0, 0),
            (2.2, 1, 0),
            (3.3, 0, 0),
            (9.0, 0, 0),
        ]
    ]

    assert kept == [0, 1, 3, 3, 1, 1, 0, 0, 0, 0]


def test_passes_without_live_texts_cost_nobody_anything() -> None:
    background = learned()

    background.measured(Part.ALL, Crowd(0, 0, 16), 10_000.0)

    assert background.part(WRITING) is Part.ALL


def test_pieces_of_jobs_are_paid_for_as_passes_are() -> None:
    background = learned()
    assert background.lets_job(WRITING)

    background.spent(40.0)

    passes = 0
    while not background.lets_job(WRITING):
        assert background.part(WRITING) is Part.LIVE
        background.measured(Part.LIVE, WRITING, 10.0)
        passes += 1
    assert passes == pytest.approx(40 / (10 * SHARE), abs=1)
    assert not background.lets_job(READING)
    assert background.lets_job(Crowd(0, 0, 16))


def test_without_background_there_is_no_crowd_to_count() -> None:
    running = [Text(background=False), Text(background=False, decoding=False)]
    background = Background()

    assert crowd_of(running, 0, background) == Crowd(0, 0, 0)
    assert crowd_of(running, 3, background) == Crowd(1, 1, 3)
    background.jobs = 1
    assert crowd_of(running, 0, background) == Crowd(1, 1, 0)


def test_a_part_is_made_of_whom_it_says() -> None:
    low, live, youngest = Text(True), Text(False), Text(True, decoding=False)
    running = [low, live, youngest]

    assert taking_part(running, Part.ALL) == running
    assert taking_part(running, Part.LIVE) == [live]
    assert taking_part(running, Part.BACKGROUND) == [low, youngest]
    assert youngest_background(running) is youngest
    assert youngest_background([live]) is None


@pytest.mark.parametrize(
    ("part", "crowd", "small"),
    [
        (Part.ALL, Crowd(0, 0, 4), False),
        (Part.ALL, Crowd(2, 0, 4), True),
        (Part.ALL, Crowd(2, 1, 0), False),
        (Part.LIVE, Crowd(2, 1, 4), False),
        (Part.BACKGROUND, Crowd(2, 1, 4), True),
    ],
)
def test_prompts_that_nobody_waits_for_are_computed_in_small_parts_beside_live_texts(
    part: Part, crowd: Crowd, small: bool
) -> None:
    assert beside_live(part, crowd) is small

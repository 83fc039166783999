"""What a benchmark does next is a table."""

from __future__ import annotations

import pytest

from funland.v1.hardware_pb2 import BenchmarkProgress
from funland_server.hardware.waves import (
    Measured,
    Phase,
    Speeds,
    Wave,
    fraction,
    next_wave,
    speeds,
)

PROMPT = BenchmarkProgress.PROMPT
ONE = BenchmarkProgress.ONE_STREAM
EIGHT = BenchmarkProgress.EIGHT_STREAMS


def measured(
    phase: Phase, tokens: int, seconds: float, whole: float = 0, *, warms_up: bool = False
) -> Measured:
    wave = Wave(phase, 1, 16, 128, 10, warms_up)
    return Measured(wave, tokens, seconds, whole or seconds)


WARM = measured(PROMPT, 64, 0.1, warms_up=True)
SLOW = measured(PROMPT, 64, 8, warms_up=True)
"""Eight tokens a second for eight streams."""
SLOWEST = measured(PROMPT, 64, 64, warms_up=True)
PROMPTS = measured(PROMPT, 512, 2)
WROTE = measured(ONE, 128, 2)


@pytest.mark.parametrize(
    ("done", "context", "expected"),
    [
        pytest.param([], 1024, Wave(PROMPT, 8, 16, 8, 10, warms_up=True), id="warms up first"),
        pytest.param([WARM], 1024, Wave(PROMPT, 1, 512, 1, 10), id="then a prompt"),
        pytest.param([WARM], 256, Wave(PROMPT, 1, 128, 1, 10), id="half of a small context"),
        pytest.param([SLOW], 1024, Wave(PROMPT, 1, 80, 1, 10), id="what takes no longer than 10 s"),
        pytest.param([SLOWEST], 1024, Wave(PROMPT, 1, 32, 1, 10), id="but never less than 32"),
        pytest.param(
            [WARM, measured(PROMPT, 512, 0.5, 0.6)],
            1024,
            Wave(PROMPT, 1, 512, 1, 9.4),
            id="again while 2 s are not measured",
        ),
        pytest.param(
            [WARM, *[measured(PROMPT, 512, 0.01)] * 5],
            1024,
            Wave(ONE, 1, 16, 128, 10),
            id="five times at most",
        ),
        pytest.param([WARM, PROMPTS], 1024, Wave(ONE, 1, 16, 128, 10), id="then one text"),
        pytest.param(
            [WARM, PROMPTS], 64, Wave(ONE, 1, 16, 48, 10), id="as long as the context allows"
        ),
        pytest.param(
            [WARM, PROMPTS, measured(ONE, 3, 0.1, 10)],
            1024,
            Wave(EIGHT, 8, 16, 128, 10),
            id="no phase goes on after 10 s",
        ),
        pytest.param(
            [WARM, PROMPTS, WROTE, measured(EIGHT, 1024, 1)],
            1024,
            Wave(EIGHT, 8, 16, 128, 9),
            id="eight again",
        ),
        pytest.param([WARM, PROMPTS, WROTE, measured(EIGHT, 1024, 2)], 1024, None, id="the end"),
    ],
)
def test_what_comes_next(done: list[Measured], context: int, expected: Wave | None) -> None:
    assert next_wave(done, context) == expected


def test_prompts_count_by_their_median_and_texts_together() -> None:
    done = [
        WARM,
        *(measured(PROMPT, 100, seconds) for seconds in (2.0, 0.5, 0.4)),
        measured(ONE, 100, 1),
        measured(ONE, 50, 2),
        measured(EIGHT, 800, 2),
    ]

    assert speeds(done) == Speeds(prompt=200, prompt_tokens=100, one_stream=50, eight_streams=400)


@pytest.mark.parametrize(
    ("phase", "done", "expected"),
    [
        (BenchmarkProgress.WAITING, (), 0),
        (BenchmarkProgress.LOADING, (), 0),
        (PROMPT, (), 0.3),
        (PROMPT, (WARM,), 0.3),
        (PROMPT, (WARM, measured(PROMPT, 512, 1)), 0.4),
        (ONE, (WARM, PROMPTS), 0.5),
        (EIGHT, (WARM, PROMPTS, WROTE), 0.75),
        (EIGHT, (WARM, measured(EIGHT, 1, 5)), 1),
    ],
)
def test_how_much_is_done(phase: Phase, done: tuple[Measured, ...], expected: float) -> None:
    assert fraction(phase, done) == expected

"""How fast texts were written is a table too."""

from __future__ import annotations

import pytest

from funland_server.hardware.arrivals import Arrival, as_a_whole, written


def steps(*times: float, tokens: int = 1) -> list[Arrival]:
    return [Arrival(at, tokens) for at in times]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([steps()], None, id="nothing yet"),
        pytest.param([steps(1.0)], None, id="a first token tells nothing"),
        pytest.param([steps(1.0, 2.0, 3.0)], (2, 2.0), id="the first was made before"),
        pytest.param([steps(1.0, 3.0, tokens=4)], (4, 2.0), id="several at once"),
        pytest.param([steps(1, 2, 3), steps(1)], None, id="one has not begun"),
        pytest.param(
            [steps(1, 2, 3, 4), steps(2, 3, 4, 5)], (4, 2), id="only while all of them write"
        ),
        pytest.param(
            [steps(1, 2, 3), steps(4, 5, 6)], (5, 5), id="one after the other: all the time"
        ),
        pytest.param([steps(1, 1)], None, id="no time has passed"),
    ],
)
def test_tokens_and_seconds(texts: list[list[Arrival]], expected: tuple[int, float] | None) -> None:
    assert written(texts) == expected


def test_what_came_all_at_once_is_measured_as_a_whole() -> None:
    at_once = [[Arrival(3.0, 8)], [Arrival(3.0, 8)]]

    assert written(at_once) is None
    assert as_a_whole(at_once, 0.5) == (16, 0.5)
    assert as_a_whole([[], []], 0.5) is None

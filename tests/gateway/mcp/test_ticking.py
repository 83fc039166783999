"""How often progress is told, and that it only grows."""

from __future__ import annotations

import pytest

from funland_gateway.mcp.ticking import Ticker
from funland_gateway.mcp.tool import Progress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("news", "told"),
    [
        ([(0, Progress("a", 1, 9)), (1, Progress("b", 2, 9))], [1, 2]),
        ([(0, Progress("a", 1)), (0.1, Progress("b", 2)), (0.2, Progress("c", 3))], [1, 3]),
        ([(0, Progress("a", 5)), (1, Progress("b", 4)), (2, Progress("c", 6))], [5, 6]),
        ([(0, Progress("a", 0)), (1, Progress("b", 0))], [0]),
        ([(0, Progress("a")), (1, Progress("b")), (2, Progress("c"))], [1, 2, 3]),
    ],
)
def test_what_grows_is_told_five_times_a_second(
    news: list[tuple[float, Progress]], told: list[float]
) -> None:
    clock = Clock()
    ticker = Ticker("token", clock)
    ticks: list[float] = []

    for now, progress in news:
        clock.now = now
        if (tick := ticker.tick(progress)) is not None:
            assert tick["params"]["progressToken"] == "token"
            ticks.append(tick["params"]["progress"])

    assert ticks == told


def test_a_tick_is_a_notification() -> None:
    assert Ticker(7, Clock()).tick(Progress("step 1 of 2", 1, 2)) == {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": 7, "progress": 1, "total": 2, "message": "step 1 of 2"},
    }

"""What is told of a load: never less than before, not too often, and its end always."""

from __future__ import annotations

import pytest

from funland.worker.v1.worker_pb2 import LoadProgress
from funland_worker.engines.load_news import LoadNews


def told(*readings: tuple[float, float]) -> list[float]:
    """The fractions that are handed on of those that are read, each at a second."""
    said: list[LoadProgress] = []
    now = 0.0
    news = LoadNews(said.append, lambda: now)
    for now, fraction in readings:  # noqa: B007 - the clock reads it
        news.read(fraction)
    return [progress.fraction for progress in said]


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param([(0, 0), (1, 0.5), (2, 1)], [0, 0.5, 1], id="each"),
        pytest.param([(0, 0), (1, 0.5), (2, 0.25), (3, 0.75)], [0, 0.5, 0.75], id="none less"),
        pytest.param([(0, 0), (1, 0.5), (2, 0.5)], [0, 0.5], id="none twice"),
        pytest.param([(0, 0), (0.01, 0.1), (0.06, 0.2)], [0, 0.2], id="at most 20 a second"),
        pytest.param([(0, 0), (0.01, 1)], [0, 1], id="the end at once"),
        pytest.param([(0, 1), (1, 1)], [1], id="one end"),
    ],
)
def test_fractions_grow_and_come_no_oftener_than_is_of_use(
    readings: list[tuple[float, float]], expected: list[float]
) -> None:
    assert told(*readings) == pytest.approx(expected)


def test_what_an_engine_does_not_know_is_not_told() -> None:
    said: list[LoadProgress] = []
    news = LoadNews(said.append)

    news.begun()
    news.prepares()

    assert said == [LoadProgress(), LoadProgress(preparing=True)]
    assert not any(progress.HasField("fraction") for progress in said)


def test_what_is_read_stays_read_while_the_rest_is_prepared() -> None:
    said: list[LoadProgress] = []
    news = LoadNews(said.append)

    news.read(1)
    news.prepares()

    assert said[-1] == LoadProgress(fraction=1, preparing=True)

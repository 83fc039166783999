"""Documents are ordered by what the model gave them, and their scores are from 0 to 1."""

from __future__ import annotations

import math

import pytest

from funland_server.inference.ranking import ranking


@pytest.mark.parametrize(
    ("raw", "score"),
    [
        (0.0, 0.5),
        (2.0, 1 / (1 + math.exp(-2))),
        (-2.0, 1 / (1 + math.exp(2))),
        (1e30, 1.0),
        (-1e30, 0.0),
        (-50.0, math.exp(-50)),
    ],
)
def test_a_heads_number_becomes_its_logistic_function(raw: float, score: float) -> None:
    (document,) = ranking([raw], cosines=False)

    assert document.score == pytest.approx(score, rel=1e-6)
    assert 0 <= document.score <= 1
    assert document.raw_score == pytest.approx(raw)


@pytest.mark.parametrize(("raw", "score"), [(1.0, 1), (0.25, 0.25), (0.0, 0), (-0.5, 0), (-1, 0)])
def test_a_cosine_is_its_own_score_if_it_is_not_below_nothing(raw: float, score: float) -> None:
    (document,) = ranking([raw], cosines=True)

    assert (document.score, document.raw_score) == (score, raw)


def test_the_order_is_that_of_the_models_numbers_and_else_of_the_request() -> None:
    raw = [-0.9, 40.0, 50.0, -0.2, 50.0, 40.0]

    for cosines in (True, False):  # whose scores are the same for several of them
        ranked = ranking(raw, cosines=cosines)
        assert [document.index for document in ranked] == [2, 4, 1, 5, 3, 0]
        scores = [document.score for document in ranked]
        assert scores == sorted(scores, reverse=True)
    assert ranking([], cosines=True) == []

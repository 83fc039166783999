"""Embeddings are cut, made unit vectors and compared as the contract says."""

from __future__ import annotations

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.vectors import cosines, parts, shortened


@pytest.mark.parametrize(
    ("dimensions", "raw", "vector"),
    [
        (0, False, [3 / 13, 4 / 13, 12 / 13]),
        (0, True, [3, 4, 12]),
        (3, True, [3, 4, 12]),
        (2, False, [0.6, 0.8]),
        (2, True, [0.6, 0.8]),
    ],
)
def test_a_vector_is_cut_and_scaled(dimensions: int, raw: bool, vector: list[float]) -> None:
    (short,) = shortened([[3.0, 4.0, 12.0]], dimensions, raw=raw)

    assert short == pytest.approx(vector, abs=1e-6)


def test_more_dimensions_than_there_are_can_not_be_kept() -> None:
    with pytest.raises(EngineError) as raised:
        shortened([[1.0, 2.0]], 3, raw=False)

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata == {"field": "dimensions"}


def test_a_vector_of_nothing_stays_one() -> None:
    assert shortened([[0.0, 0.0]], 0, raw=False) == [[0.0, 0.0]]


def test_scores_are_cosines_with_the_first() -> None:
    scores = cosines([[2.0, 0.0], [5.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])

    assert scores == pytest.approx([1, 0, -1], abs=1e-6)


def test_texts_are_parted_by_their_tokens_and_stay_in_order() -> None:
    texts = [[1] * length for length in (3, 3, 9, 1, 2)]

    assert [list(map(len, part)) for part in parts(texts, 6)] == [[3, 3], [9], [1, 2]]
    assert list(parts([], 6)) == []

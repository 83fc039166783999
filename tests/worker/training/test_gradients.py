"""The way back is the slope of the way there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from funland_worker.training import attention, feed_forward, head, network
from funland_worker.training.layout import layout
from funland_worker.training.network import Batch, Network
from funland_worker.training.numbers import Numbers
from funland_worker.training.shape import read_shape
from funland_worker.training.weights import read_network
from tests.worker.training.models import FAMILIES, tiny

RANK, ALPHA, STEP = 3, 5.0, 1e-5
SCALE = 0.25


def _network(family: str) -> tuple[Network, Numbers, Numbers]:
    """A network with an adapter by chance, its numbers and their gradients."""
    source = tiny(FAMILIES[family], kind=np.float64)
    shape = read_shape(source)
    where = layout(shape, RANK)
    made = read_network(source, shape, where, alpha=ALPHA, positions=16)
    random = np.random.default_rng(1)
    numbers = where.begin(1).astype(np.float64)
    for pair in where.pairs:
        pair.up_of(numbers)[:] = random.normal(0, 0.3, (pair.outputs, RANK))
    gradients = np.zeros_like(numbers)
    made.bind(numbers, gradients)
    return made, numbers, gradients


def _batch(vocabulary: int) -> Batch:
    random = np.random.default_rng(2)
    tokens = random.integers(0, vocabulary, (3, 9), np.int32)
    places = np.array([1, 2, 5, 9, 12, 20, 25])
    return Batch(tokens, places, tokens.reshape(-1)[places + 1].astype(np.intp))


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_those_of_finite_differences(family: str) -> None:
    made, numbers, gradients = _network(family)
    batch = _batch(made.vocabulary)

    made.learn(batch, SCALE, lambda: None)

    random = np.random.default_rng(3)
    for pair in made.layout.pairs:
        for view in (pair.down_of, pair.up_of):
            along = random.normal(0, 1, view(numbers).shape)
            slope = _slope(made, numbers, batch, view(numbers), along) * SCALE
            told = float((view(gradients) * along).sum())
            assert told == pytest.approx(slope, rel=1e-5, abs=1e-7), pair.name


@pytest.mark.parametrize("family", ["llama, few heads of keys", "qwen3"])
def test_what_is_computed_in_pieces_and_anew_is_the_same(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _, gradients = _network(family)
    batch = _batch(made.vocabulary)
    whole_loss = made.learn(batch, SCALE, lambda: None)
    whole = gradients.copy()
    gradients[:] = 0

    monkeypatch.setattr(attention, "PIECE_BYTES", 1)
    monkeypatch.setattr(feed_forward, "PIECE_NUMBERS", 1)
    monkeypatch.setattr(head, "PIECE_NUMBERS", 1)
    monkeypatch.setattr(network, "KEPT_BYTES", 0)
    loss = made.learn(batch, SCALE, lambda: None)

    assert loss == pytest.approx(whole_loss, rel=1e-12)
    np.testing.assert_allclose(gradients, whole, rtol=1e-9, atol=1e-12)


def test_what_stands_behind_a_rows_end_changes_nothing() -> None:
    made, _, gradients = _network("llama")
    batch = _batch(made.vocabulary)
    places, targets = batch.places[:2], batch.targets[:2]
    losses: list[float] = []
    slopes: list[Any] = []

    for filling in (0, 7):
        tokens = batch.tokens.copy()
        tokens[:, 4:] = filling
        gradients[:] = 0
        losses.append(made.learn(Batch(tokens, places, targets), SCALE, lambda: None))
        slopes.append(gradients.copy())

    assert losses[0] == losses[1]
    np.testing.assert_array_equal(slopes[0], slopes[1])


def test_losses_are_those_of_logits() -> None:
    made, _, _ = _network("qwen2")
    batch = _batch(made.vocabulary)

    told = made.losses(batch, lambda: None)

    logits = made.logits(batch.tokens).reshape(-1, made.vocabulary)[batch.places]
    right = logits[np.arange(len(logits)), batch.targets]
    assert told == pytest.approx(float((np.log(np.exp(logits).sum(axis=1)) - right).sum()))
    assert told == pytest.approx(made.learn(batch, SCALE, lambda: None))


def _slope(made: Network, numbers: Numbers, batch: Batch, part: Numbers, along: Numbers) -> float:
    """How the losses change along a direction of a part of the adapter's numbers."""
    told: list[float] = []
    for step in (STEP, -STEP):
        part += along * step
        made.take(numbers)
        told.append(made.losses(batch, lambda: None))
        part -= along * step
    made.take(numbers)
    return (told[0] - told[1]) / (2 * STEP)

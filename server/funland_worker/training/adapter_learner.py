"""An adapter that learns in numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from funland_worker.training.adapter_file import write_adapter
from funland_worker.training.checkpoint import State
from funland_worker.training.layout import Layout, layout
from funland_worker.training.network import Batch, Network
from funland_worker.training.numbers import Numbers
from funland_worker.training.optimizer import AdamW, clip
from funland_worker.training.settings import Settings
from funland_worker.training.shape import Shape
from funland_worker.training.tensors import Source
from funland_worker.training.weights import read_network


class AdapterLearner:
    """See `Learner`."""

    def __init__(self, network: Network, state: State, alpha: float) -> None:
        self._network = network
        self._state = state
        self._alpha = alpha
        self._gradients = np.zeros_like(state.numbers)
        self._optimizer = AdamW(state.first, state.second)
        network.bind(state.numbers, self._gradients)

    def begin(self) -> None:
        """See `Learner`."""
        self._gradients[:] = 0

    def learn(self, batch: Batch, scale: float, on: Callable[[], None]) -> float:
        """See `Learner`."""
        return self._network.learn(batch, scale, on)

    def losses(self, batch: Batch, on: Callable[[], None]) -> float:
        """See `Learner`."""
        return self._network.losses(batch, on)

    def step(self, *, step: int, rate: float, decay: float, max_norm: float) -> float:
        """See `Learner`."""
        norm = clip(self._gradients, max_norm)
        self._optimizer.step(
            self._state.numbers, self._gradients, step=step, rate=rate, decay=decay
        )
        self._network.take(self._state.numbers)
        return norm

    def gather(self) -> None:
        """See `Learner`. They are nowhere else."""

    def write(self, path: Path, numbers: Numbers) -> None:
        """See `Learner`."""
        write_adapter(
            path,
            numbers,
            shape=self._network.shape,
            layout=self._network.layout,
            alpha=self._alpha,
        )


@dataclass(frozen=True, slots=True)
class NumpyAdapter:
    """See `Way`."""

    open: Callable[[], Source]
    """Opens the model's file, which is let go of when it is read."""
    shape: Shape
    settings: Settings

    @property
    def name(self) -> str:
        """See `Way`."""
        return ""

    @property
    def size(self) -> int:
        """See `Way`."""
        return self._layout.size

    def begin(self) -> Numbers:
        """See `Way`."""
        return self._layout.begin(self.settings.seed)

    def learner(
        self, state: State, positions: int, read: Callable[[float], None]
    ) -> AdapterLearner:
        """See `Way`."""
        alpha = self.settings.alpha
        network = read_network(
            self.open(), self.shape, self._layout, alpha=alpha, positions=positions, read=read
        )
        return AdapterLearner(network, state, alpha)

    @property
    def _layout(self) -> Layout:
        return layout(self.shape, self.settings.rank)

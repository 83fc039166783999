"""The ways to train with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from funland_worker.engines.gguf_source import GgufSource
from funland_worker.training.adapter_file import write_adapter
from funland_worker.training.checkpoint import State
from funland_worker.training.layout import Layout, layout
from funland_worker.training.numbers import Numbers
from funland_worker.training.pytorch.learner import TorchLearner
from funland_worker.training.pytorch.model_file import write_model
from funland_worker.training.pytorch.weights import Making
from funland_worker.training.pytorch.whole import Whole, whole
from funland_worker.training.settings import Settings
from funland_worker.training.shape import Shape
from funland_worker.training.tensors import Tensors


@dataclass(frozen=True, slots=True)
class TorchAdapter:
    """See `Way`: an adapter, beside the weights in float32, or in four bits."""

    path: Path
    shape: Shape
    settings: Settings
    device: str
    quantized: bool

    @property
    def name(self) -> str:
        """See `Way`."""
        return " torch qlora" if self.quantized else " torch lora"

    @property
    def size(self) -> int:
        """See `Way`."""
        return self._layout.size

    def begin(self) -> Numbers:
        """See `Way`. They are those of the adapter that numpy trains."""
        return self._layout.begin(self.settings.seed)

    def learner(self, state: State, positions: int, read: Callable[[float], None]) -> TorchLearner:
        """See `Way`."""
        where, alpha = self._layout, self.settings.alpha
        tensors = Tensors(GgufSource(self.path), self.shape)
        making = Making(self.shape, tensors, self.device, positions, read)
        return TorchLearner(
            state,
            self.device,
            lambda learnt: making.adapted(where, alpha, learnt, quantized=self.quantized),
            partial(write_adapter, shape=self.shape, layout=where, alpha=alpha),
        )

    @property
    def _layout(self) -> Layout:
        return layout(self.shape, self.settings.rank)


@dataclass(frozen=True, slots=True)
class TorchWhole:
    """See `Way`: all of the model's own weights."""

    path: Path
    shape: Shape
    vocabulary: int
    device: str

    @property
    def name(self) -> str:
        """See `Way`."""
        return " torch full"

    @property
    def size(self) -> int:
        """See `Way`."""
        return self._parts(self._tensors()).size

    def begin(self) -> Numbers:
        """See `Way`. They are the model's."""
        tensors = self._tensors()
        return self._parts(tensors).read(tensors)

    def learner(self, state: State, positions: int, read: Callable[[float], None]) -> TorchLearner:
        """See `Way`."""
        tensors = self._tensors()
        parts = self._parts(tensors)
        making = Making(self.shape, tensors, self.device, positions, read)
        return TorchLearner(
            state,
            self.device,
            lambda learnt: making.whole(parts, learnt),
            partial(write_model, base=self.path, parts=parts),
        )

    def _tensors(self) -> Tensors:
        return Tensors(GgufSource(self.path), self.shape)

    def _parts(self, tensors: Tensors) -> Whole:
        return whole(self.shape, tensors, self.vocabulary)

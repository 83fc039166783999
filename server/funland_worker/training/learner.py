"""What a run has learn, whatever computes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from funland_worker.training.checkpoint import State
from funland_worker.training.network import Batch
from funland_worker.training.numbers import Numbers


class Learner(Protocol):
    """A network and its optimizer, for the numbers of a state."""

    def begin(self) -> None:
        """Begins a step: what was added to the gradients is forgotten."""
        ...

    def learn(self, batch: Batch, scale: float, on: Callable[[], None]) -> float:
        """The sum of the losses; adds the gradients of that times `scale`. Calls `on` at each
        block; what it raises ends the pass."""
        ...

    def losses(self, batch: Batch, on: Callable[[], None]) -> float:
        """The sum of the losses. Calls `on` at each block; what it raises ends the pass."""
        ...

    def step(self, *, step: int, rate: float, decay: float, max_norm: float) -> float:
        """Changes the numbers, by gradients that are clipped to a norm; 0: to none. Gives the norm
        before that. Steps count from 1."""
        ...

    def gather(self) -> None:
        """Brings the state up to date, whose numbers may be elsewhere while it learns."""
        ...

    def write(self, path: Path, numbers: Numbers) -> None:
        """Writes what numbers like the state's come to, whole or not at all.

        Raises:
            EngineError: STORAGE_FULL.
            OSError: It can't be written.
        """
        ...


class Way(Protocol):
    """How a model is trained, before its weights are read."""

    @property
    def name(self) -> str:
        """What tells its runs from those of other ways."""
        ...

    @property
    def size(self) -> int:
        """How many numbers learn."""
        ...

    def begin(self) -> Numbers:
        """Those that a run begins with."""
        ...

    def learner(self, state: State, positions: int, read: Callable[[float], None]) -> Learner:
        """What has that state, for rows of at most so many tokens. `read` is told how much of the
        weights is there, from 0 to 1.

        Raises:
            EngineError: MODEL_LOAD_FAILED, TRAINING_UNSUPPORTED or TRAINING_TOO_LARGE.
        """
        ...

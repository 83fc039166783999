"""How to train, all of it said."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.training_pb2 import Hyperparameters
from funland.worker.v1.worker_pb2 import TrainAdapter
from funland_worker.engines.protocol import EngineError


@dataclass(frozen=True, slots=True)
class Settings:
    """See `Hyperparameters`."""

    rank: int = 16
    alpha: float = 32.0
    learning_rate: float = 1e-3
    epochs: int = 3
    max_steps: int = 0
    batch_size: int = 8
    max_tokens: int = 512
    warmup_ratio: float = 0.05
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    evaluation_ratio: float = 0.0
    evaluation_steps: int = 0
    patience: int = 0
    seed: int = 0
    checkpoint_steps: int = 100
    threads: int = 0


_OF_ADAPTERS: Final = ("rank", "alpha")
"""What a model all of whose weights learn has not."""


def from_wire(told: Hyperparameters, method: TrainAdapter.Method.ValueType) -> Settings:
    """What the server set.

    Raises:
        EngineError: FIELD_INVALID; it left something unset.
    """
    left_out = _OF_ADAPTERS if method == TrainAdapter.FULL else ()
    names = [field.name for field in fields(Settings) if field.name not in left_out]
    for name in names:
        if not told.HasField(name):  # type: ignore[arg-type]  # one of its fields
            raise EngineError(
                ErrorReason.FIELD_INVALID, "must be set", field=f"hyperparameters.{name}"
            )
    return Settings(**{name: getattr(told, name) for name in names})

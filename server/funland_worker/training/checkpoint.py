"""What a run goes on from: one file, in numpy's format, of plain numbers."""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.training_pb2 import TrainingStep
from funland_worker.engines.protocol import EngineError
from funland_worker.training.deciding import Progress, StepFigures
from funland_worker.training.files import written_whole
from funland_worker.training.numbers import Numbers

_FORMAT: Final = 1
_FIGURES: Final = ("step", "epoch", "loss", "learning_rate", "grad_norm", "tokens_per_second")
_ARRAYS: Final = ("numbers", "first", "second", "best")


Row = tuple[float, ...]


@dataclass(slots=True)
class State:
    """All that a step changes."""

    numbers: Numbers
    """The adapter's; see `Layout`."""
    first: Numbers
    second: Numbers
    """AdamW's moments."""
    best: Numbers
    """The adapter of the best evaluation; empty if it is not kept."""
    progress: Progress
    history: list[Row] = field(default_factory=list[Row])
    """The steps that were told; see `told_row`. Who was told may have lost the last of them."""


def told_row(step: TrainingStep) -> Row:
    """A step as it is kept: its figures in the order of the message, NaN for what is unset."""
    evaluation = step.evaluation_loss if step.HasField("evaluation_loss") else math.nan
    return (*(float(getattr(step, name)) for name in _FIGURES), evaluation)


def told_step(row: Row) -> TrainingStep:
    """A step that was kept."""
    number, epoch, loss, rate, norm, speed, evaluation = row
    step = TrainingStep(
        step=int(number),
        epoch=epoch,
        loss=loss,
        learning_rate=rate,
        grad_norm=norm,
        tokens_per_second=speed,
    )
    if not math.isnan(evaluation):
        step.evaluation_loss = evaluation
    return step


def write_checkpoint(path: Path, state: State, run: str) -> None:
    """Writes it whole or not at all. `run` tells what it belongs to.

    Raises:
        EngineError: STORAGE_FULL.
        OSError: It can't be written.
    """
    told = json.dumps({"format": _FORMAT, "run": run, "progress": asdict(state.progress)})
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez(
            file,
            told=np.frombuffer(told.encode(), np.uint8),
            numbers=state.numbers,
            first=state.first,
            second=state.second,
            best=state.best,
            history=np.array(state.history, np.float64).reshape(-1, len(_FIGURES) + 1),
        )


def read_checkpoint(path: Path, size: int, run: str) -> State | None:
    """What a run of so many numbers goes on from; None if there is nothing yet.

    Raises:
        EngineError: TRAINING_STATE_WRONG; it is another run's, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in _ARRAYS}
            told: dict[str, Any] = json.loads(bytes(file["told"]))
            rows: list[list[float]] = (
                np.asarray(file["history"]).tolist() if "history" in file else []
            )
        progress = _progress(told["progress"])
        belongs = told["format"] == _FORMAT and told["run"] == run
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise _wrong("can't be read") from error
    sizes = {name: len(numbers) for name, numbers in arrays.items()}
    fits = all(size == sizes[name] for name in _ARRAYS[:3]) and sizes["best"] in (0, size)
    if not belongs or not fits:
        raise _wrong("belongs to another run: its model, rows or hyperparameters are others")
    return State(**arrays, progress=progress, history=[tuple(row) for row in rows])


def _progress(told: dict[str, Any]) -> Progress:
    untold = told.pop("untold")
    return Progress(**told, untold=None if untold is None else StepFigures(**untold))


def _wrong(why: str) -> EngineError:
    return EngineError(
        ErrorReason.TRAINING_STATE_WRONG, f"The run's checkpoint {why}: begin a new run."
    )

"""What a run is after what its worker told: pure functions that change a run in place."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.errors_pb2 import Error
from funland.v1.training_pb2 import TrainingRun, TrainingStep
from funland.worker.v1.worker_pb2 import TrainedAdapter, TrainingBegun

_OF_STEPS = (
    "last", "initial_loss", "best_loss", "evaluation_loss", "best_evaluation_loss",
)  # fmt: skip
_RESULTS = ("initial_loss", "best_loss", "evaluation_loss", "best_evaluation_loss")


def runs(run: TrainingRun, now: Timestamp) -> None:
    """It has its turn."""
    run.state = TrainingRun.RUNNING
    if not run.HasField("begin_time"):
        run.begin_time.CopyFrom(now)
    for name in ("end_time", "error", "estimated_end_time"):
        run.ClearField(name)


def begun(run: TrainingRun, told: TrainingBegun, last: TrainingStep | None) -> None:
    """It trains, or goes on behind a step; `last` is that, or None for a run from its
    beginning."""
    run.step, run.total_steps = told.step, told.total_steps
    run.estimate.steps = told.total_steps
    run.estimate.trained_parameters = told.trained_parameters
    if told.training_rows:
        mean = told.tokens / told.training_rows
        rows = min(run.hyperparameters.batch_size, told.training_rows)
        seen = min(told.total_steps * rows, run.hyperparameters.epochs * told.training_rows)
        run.estimate.tokens = round(mean * seen)
    if last is None:
        for name in _OF_STEPS:
            run.ClearField(name)
    else:
        run.last.CopyFrom(last)


def stepped(run: TrainingRun, steps: Sequence[TrainingStep]) -> None:
    """Steps are done."""
    for step in steps:
        run.step = step.step
        run.last.CopyFrom(step)
        if step.step == 1:
            run.initial_loss = step.loss
        if not run.HasField("best_loss") or step.loss < run.best_loss:
            run.best_loss = step.loss
        if step.HasField("evaluation_loss"):
            loss = run.evaluation_loss = step.evaluation_loss
            if not run.HasField("best_evaluation_loss") or loss < run.best_evaluation_loss:
                run.best_evaluation_loss = loss


def ends_at(now: float, began: float, first: int, run: TrainingRun) -> float | None:
    """When a run will end, in seconds as `now`, that was behind step `first` when it `began`; None:
    that is not known."""
    done = run.step - first
    if done <= 0 or run.total_steps <= run.step:
        return None
    return now + (now - began) / done * (run.total_steps - run.step)


def came(run: TrainingRun, told: TrainedAdapter, now: Timestamp) -> None:
    """It is done, or rests."""
    run.step = max(run.step, told.steps)
    for name in _RESULTS:
        if told.HasField(name):
            setattr(run, name, getattr(told, name))
    if told.HasField("peak_memory_bytes"):
        run.measured_memory_bytes = max(run.measured_memory_bytes, told.peak_memory_bytes)
    run.ClearField("estimated_end_time")
    if told.finished:
        run.stopped_early = told.stopped_early
        run.state = TrainingRun.COMPLETED
        run.end_time.CopyFrom(now)
    else:
        run.state = TrainingRun.PAUSED


def waits(run: TrainingRun) -> None:
    """It waits for its turn."""
    run.state = TrainingRun.PENDING
    for name in ("end_time", "error", "estimated_end_time"):
        run.ClearField(name)


def ended(
    run: TrainingRun,
    state: TrainingRun.State.ValueType,
    now: Timestamp,
    error: Error | None = None,
) -> None:
    """It rests, or ended without a result."""
    run.state = state
    run.ClearField("estimated_end_time")
    if state != TrainingRun.PAUSED:
        run.end_time.CopyFrom(now)
    if error is not None:
        run.error.CopyFrom(error)

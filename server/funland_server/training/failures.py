"""What a worker says of a run that it can't do, in the server's words."""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.training_pb2 import TrainingRun
from funland.worker.v1.worker_pb2 import Failure
from funland_server.datasets.errors import DatasetInvalidError
from funland_server.errors import FunlandError
from funland_server.storage.errors import StorageFullError
from funland_server.training.errors import (
    TrainingStateWrongError,
    TrainingTooLargeError,
    TrainingUnsupportedError,
)


def in_words(
    failure: Failure | None, run: TrainingRun, available_bytes: int
) -> FunlandError | None:
    """The error of a run; None: it is a defect of the worker's."""
    match None if failure is None else failure.reason:
        case ErrorReason.TRAINING_UNSUPPORTED:
            return TrainingUnsupportedError(_said(failure), run.model_id, run.template_id)
        case ErrorReason.DATASET_INVALID:
            return DatasetInvalidError(_said(failure))
        case ErrorReason.TRAINING_STATE_WRONG:
            return TrainingStateWrongError(
                _said(failure), run.run_id, TrainingRun.State.Name(run.state)
            )
        case ErrorReason.TRAINING_TOO_LARGE:
            return TrainingTooLargeError(run.estimate.memory_bytes or None, available_bytes)
        case ErrorReason.STORAGE_FULL:
            return StorageFullError()
        case _:
            return None


def _said(failure: Failure | None) -> str:
    return failure.message if failure is not None else ""

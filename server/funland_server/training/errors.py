"""What can go wrong with training.

NotFoundError
└── TrainingRunNotFoundError  TRAINING_RUN_NOT_FOUND
FailedPreconditionError
├── TrainingUnsupportedError  TRAINING_UNSUPPORTED
└── TrainingStateWrongError   TRAINING_STATE_WRONG
ResourceExhaustedError
└── TrainingTooLargeError     TRAINING_TOO_LARGE
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import (
    FailedPreconditionError,
    NotFoundError,
    ResourceExhaustedError,
)


class TrainingRunNotFoundError(NotFoundError):
    """The caller has no run of that id."""

    reason = ErrorReason.TRAINING_RUN_NOT_FOUND

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"There is no training run {run_id!r}; `funland train` shows those that are.",
            run_id=run_id,
        )


class TrainingUnsupportedError(FailedPreconditionError):
    """The model can't be trained, or not in this way here."""

    reason = ErrorReason.TRAINING_UNSUPPORTED

    def __init__(self, message: str, model: str, template_id: str) -> None:
        super().__init__(message, model=model, template_id=template_id)


class TrainingStateWrongError(FailedPreconditionError):
    """The run's state does not allow it."""

    reason = ErrorReason.TRAINING_STATE_WRONG

    def __init__(self, message: str, run_id: str, state: str) -> None:
        super().__init__(message, run_id=run_id, state=state)


class TrainingTooLargeError(ResourceExhaustedError):
    """It needs more memory than there is."""

    reason = ErrorReason.TRAINING_TOO_LARGE

    def __init__(self, required_bytes: int | None, available_bytes: int, why: str = "") -> None:
        """`why` says what keeps the memory that it could have, in a sentence. `required_bytes` is
        None where nothing is known, as of a GPU's memory."""
        how = "take a smaller model, fewer rows a step, or shorter rows." + (why and f" {why}")
        if required_bytes is None:
            super().__init__(f"It needs more memory than its device has: {how}")
            return
        super().__init__(
            f"It needs about {required_bytes} bytes of memory, and {available_bytes} can be had for"
            f" it: {how}",
            required_bytes=str(required_bytes),
            available_bytes=str(available_bytes),
        )

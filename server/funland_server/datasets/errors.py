"""What can go wrong with datasets.

NotFoundError
├── DatasetNotFoundError         DATASET_NOT_FOUND
└── DatasetVersionNotFoundError  DATASET_VERSION_NOT_FOUND
FailedPreconditionError
├── DatasetInvalidError          DATASET_INVALID
└── DatasetNotReadyError         DATASET_NOT_READY
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import (
    FailedPreconditionError,
    NotFoundError,
)


class DatasetNotFoundError(NotFoundError):
    """The caller has no dataset of that id."""

    reason = ErrorReason.DATASET_NOT_FOUND

    def __init__(self, dataset_id: str) -> None:
        super().__init__(
            f"There is no dataset {dataset_id!r}; `funland datasets` shows those that are.",
            dataset_id=dataset_id,
        )


class DatasetVersionNotFoundError(NotFoundError):
    """The dataset has no such version."""

    reason = ErrorReason.DATASET_VERSION_NOT_FOUND

    def __init__(self, dataset_id: str, version: int) -> None:
        super().__init__(
            f"Dataset {dataset_id!r} has no version {version}.",
            dataset_id=dataset_id,
            version=str(version),
        )


class DatasetInvalidError(FailedPreconditionError):
    """What a dataset is to be made of is of no use."""

    reason = ErrorReason.DATASET_INVALID

    def __init__(self, message: str) -> None:
        super().__init__(message)


class DatasetNotReadyError(FailedPreconditionError):
    """The dataset has nothing to use, or not yet."""

    reason = ErrorReason.DATASET_NOT_READY

    def __init__(self, dataset_id: str, message: str = "") -> None:
        super().__init__(
            message or f"Dataset {dataset_id!r} is being read: wait until it is READY.",
            dataset_id=dataset_id,
        )

"""What follows for a dataset from what became of a reading: pure functions."""

from __future__ import annotations

from funland.v1.datasets_pb2 import Dataset, DatasetVersion
from funland_server.datasets.errors import DatasetNotReadyError, DatasetVersionNotFoundError


def after_failure(versions: int) -> Dataset.Status.ValueType:
    """Where a dataset stands whose last reading failed: what it had before can still be used."""
    return Dataset.READY if versions else Dataset.FAILED


def has_settled(dataset: Dataset) -> bool:
    """Whether nothing more comes of it by itself."""
    return dataset.status != Dataset.PREPARING


def version_of(dataset: Dataset, number: int) -> DatasetVersion:
    """A version by its number; 0: the newest.

    Raises:
        DatasetNotReadyError: It has none.
        DatasetVersionNotFoundError: It has none of that number.
    """
    if not dataset.versions:
        why = (
            "" if dataset.status == Dataset.PREPARING
            else f"Dataset {dataset.dataset_id!r} has nothing to use: {dataset.error.message}"
        )  # fmt: skip
        raise DatasetNotReadyError(dataset.dataset_id, why)
    for version in dataset.versions:
        if number in (0, version.version):
            return version
    raise DatasetVersionNotFoundError(dataset.dataset_id, number)

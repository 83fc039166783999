"""What can go wrong with batches.

NotFoundError
└── BatchNotFoundError  BATCH_NOT_FOUND
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import NotFoundError


class BatchNotFoundError(NotFoundError):
    """No batch has that id."""

    reason = ErrorReason.BATCH_NOT_FOUND

    def __init__(self, batch_id: str) -> None:
        super().__init__(
            f"There is no batch {batch_id!r}; `funland batch list` shows those that are.",
            batch_id=batch_id,
        )

"""What can go wrong with responses that are kept.

NotFoundError
└── ResponseNotFoundError       RESPONSE_NOT_FOUND
FailedPreconditionError
└── ResponseNotInBackgroundError  RESPONSE_NOT_IN_BACKGROUND
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import FailedPreconditionError, NotFoundError


class ResponseNotFoundError(NotFoundError):
    """No response of that id is kept."""

    reason = ErrorReason.RESPONSE_NOT_FOUND

    def __init__(self, response_id: str) -> None:
        super().__init__(f"No response {response_id!r} is kept.", response_id=response_id)


class ResponseNotInBackgroundError(FailedPreconditionError):
    """The response is not made in the background."""

    reason = ErrorReason.RESPONSE_NOT_IN_BACKGROUND

    def __init__(self, response_id: str) -> None:
        super().__init__(
            f"Response {response_id!r} was not made in the background: only its own call could end"
            " it.",
            response_id=response_id,
        )

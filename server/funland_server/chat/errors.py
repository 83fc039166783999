"""What can go wrong with kept conversations.

InvalidArgumentError
└── ContextLengthExceededError  CONTEXT_LENGTH_EXCEEDED
NotFoundError
├── SessionNotFoundError        SESSION_NOT_FOUND
└── MessageNotFoundError        MESSAGE_NOT_FOUND
AbortedError
└── SessionBusyError            SESSION_BUSY
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import AbortedError, InvalidArgumentError, NotFoundError


class SessionNotFoundError(NotFoundError):
    """No session has that id."""

    reason = ErrorReason.SESSION_NOT_FOUND

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"There is no session {session_id!r}; `funland sessions list` shows those that are.",
            session_id=session_id,
        )


class MessageNotFoundError(NotFoundError):
    """The session has no message of that id."""

    reason = ErrorReason.MESSAGE_NOT_FOUND

    def __init__(self, session_id: str, message_id: str) -> None:
        super().__init__(
            f"Session {session_id!r} has no message {message_id!r}.",
            session_id=session_id,
            message_id=message_id,
        )


class SessionBusyError(AbortedError):
    """An answer is under way, and the session refuses another call meanwhile, or too many wait."""

    reason = ErrorReason.SESSION_BUSY

    def __init__(self, session_id: str, message_id: str, waiting: int = 0) -> None:
        """`waiting` is how many calls wait, where those are too many."""
        super().__init__(
            f"{waiting} calls wait for an answer of session {session_id!r}; try again later."
            if waiting
            else f"Session {session_id!r} is writing an answer; wait for it, cancel it, or let the"
            " session wait (`when_busy`).",
            session_id=session_id,
            message_id=message_id,
        )
        self.retry_seconds = 1.0


class ContextLengthExceededError(InvalidArgumentError):
    """The conversation has more tokens than the model's context holds."""

    reason = ErrorReason.CONTEXT_LENGTH_EXCEEDED

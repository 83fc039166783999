"""What can go wrong with a foreign URL. No message has more of a URL than its host.

    FailedPreconditionError
    ├── OfflineError          OFFLINE
    └── UrlRefusedError       URL_REFUSED
    UnavailableError
    ├── UnreachableError      HUB_UNREACHABLE
    └── AnswerInvalidError    HUB_ANSWER_INVALID
"""

from __future__ import annotations

from enum import Enum

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import FailedPreconditionError, UnavailableError


class OfflineError(FailedPreconditionError):
    """The setting `offline` is on: nothing was sent."""

    reason = ErrorReason.ERROR_REASON_UNSPECIFIED

    def __init__(self, host: str) -> None:
        super().__init__(
            f"Nothing is asked of {host}: the setting server.offline is on.", host=host
        )


class UrlRefusedError(FailedPreconditionError):
    """The URL, or one that it redirects to, leads where nothing is fetched from."""

    reason = ErrorReason.ERROR_REASON_UNSPECIFIED

    def __init__(self, host: str, why: str) -> None:
        where = f"A URL of {host}" if host else "A URL"
        super().__init__(f"{where} is refused: {why}.", host=host)


class Trouble(Enum):
    """How an exchange failed."""

    UNKNOWN_HOST = "its name can't be looked up"
    NO_CONNECTION = "no connection can be made"
    BAD_CERTIFICATE = "its certificate is not valid"
    NO_FIRST_BYTE = "it did not answer in time"
    STALLED = "it sent nothing more for too long"
    CUT = "it closed the connection in mid-answer"
    NO_HTTP = "it does not speak HTTP as it should"


class UnreachableError(UnavailableError):
    """The host did not answer, or not to the end."""

    reason = ErrorReason.ERROR_REASON_UNSPECIFIED

    def __init__(self, host: str, trouble: Trouble) -> None:
        super().__init__(f"{host} can't be reached: {trouble.value}.", host=host)
        self.trouble = trouble


class AnswerInvalidError(UnavailableError):
    """The host answered with what can't be used."""

    reason = ErrorReason.ERROR_REASON_UNSPECIFIED

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"The answer of {host} can't be used: {why}.", host=host)

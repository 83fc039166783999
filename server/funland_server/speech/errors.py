"""What can go wrong with speech, beside what a model that speaks or hears refuses.

NotFoundError
└── VoiceNotFoundError          VOICE_NOT_FOUND
ResourceExhaustedError
└── AnswerTooLargeError         ANSWER_TOO_LARGE
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import NotFoundError, ResourceExhaustedError


class VoiceNotFoundError(NotFoundError):
    """No voice has that id, or speaks that language."""

    reason = ErrorReason.VOICE_NOT_FOUND

    def __init__(self, voice: str) -> None:
        super().__init__(
            f"There is no voice {voice!r}, and none that speaks such a language."
            " `funland voices` shows those that are there.",
            voice=voice,
        )


class AnswerTooLargeError(ResourceExhaustedError):
    """The sound has more bytes than one answer may have."""

    reason = ErrorReason.ANSWER_TOO_LARGE

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"The sound has more than {limit_bytes} bytes. Ask for it as a stream, or submit a"
            " task, whose result is a file.",
            limit_bytes=str(limit_bytes),
        )

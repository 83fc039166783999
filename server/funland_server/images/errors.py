"""What can go wrong with pictures, beside what a model that paints refuses.

InvalidArgumentError
└── PromptRefusedError          PROMPT_REFUSED
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import InvalidArgumentError


class PromptRefusedError(InvalidArgumentError):
    """The settings don't allow what the prompt asks for."""

    reason = ErrorReason.PROMPT_REFUSED

    def __init__(self, term: str) -> None:
        super().__init__(
            f"The prompt has {term!r}, which the setting image_blocked_terms does not allow.",
            term=term,
        )

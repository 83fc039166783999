"""What a plugin's calls of its `Context` raise.

Exception
├── AskError       a model, or a host, gave no answer
├── LimitError     more output than the plugin may have
└── PermissionError
    └── DeniedError    what its manifest does not ask for
"""

from __future__ import annotations


class AskError(Exception):
    """A model, or a host, gave no answer. A plugin that can't go on without lets it pass: its
    caller is then told what one that asked itself would be."""

    def __init__(self, reason: str, message: str, number: int) -> None:
        super().__init__(message)
        self.reason = reason
        """The name of its `ErrorReason`, such as `MODEL_NOT_FOUND`."""
        self.number = number


class LimitError(Exception):
    """The plugin wants more than its limits allow."""

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit


class DeniedError(PermissionError):
    """The plugin's manifest does not ask for this permission, or nobody granted it."""

    def __init__(self, permission: str) -> None:
        super().__init__(f"The plugin has no permission {permission!r}.")
        self.permission = permission

"""What can be wrong with a constraint.

GrammarError
"""

from __future__ import annotations


class GrammarError(Exception):
    """A constraint can't be compiled, or costs too much (`limit`). The message goes on after "The
    JSON Schema can't be used: "."""

    def __init__(self, message: str, *, limit: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.limit = limit

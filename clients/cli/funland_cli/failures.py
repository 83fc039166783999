"""The exit code of a failed command, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """How a command ended; `funland --help` lists them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    INTERRUPTED = 130


class CommandError(Exception):
    """A command can't do what it was asked; `hint` says what to do instead, or is empty.

    `details` is what JSON has beside the message.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        exit_code: int = ExitCode.FAILED,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
        self.details = details or {}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as the command line tells it; `details` is what JSON has beside the message."""

    message: str
    hint: str = ""
    exit_code: int = ExitCode.FAILED
    details: dict[str, Any] = field(default_factory=dict[str, Any])

    def to_json(self) -> dict[str, Any]:
        """The document that `--json` prints to standard error."""
        error = {"message": self.message, **self.details}
        return {"error": error | ({"hint": self.hint} if self.hint else {})}

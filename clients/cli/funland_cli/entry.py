"""Starts the command. What it imports takes a moment, in which it may be interrupted too."""

from __future__ import annotations

import sys

_INTERRUPTED = 130
"""`ExitCode` has it too, but importing that takes as long as the rest."""


def main() -> None:
    """Runs `funland` and exits."""
    try:
        from funland_cli.main import app  # noqa: PLC0415 - within the reach of the `except`
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    app()

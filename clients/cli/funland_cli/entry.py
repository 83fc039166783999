"""Starts the command. What it imports takes a moment, in which it may be interrupted too."""

from __future__ import annotations

import gc
import sys

_INTERRUPTED = 130
"""`ExitCode` has it too, but importing that takes as long as the rest."""


def main() -> None:
    """Runs `funland` and exits."""
    # Of what is imported little is garbage, and to look through it is a tenth of what a short
    # command takes. `main` has the search begin, when the subcommand is there.
    gc.disable()
    try:
        from funland_cli.main import app  # noqa: PLC0415 - within the reach of the `except`
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    app()

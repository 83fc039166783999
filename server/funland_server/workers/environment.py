"""What the programs that the server starts are told by the environment."""

from __future__ import annotations

import os


def inherited() -> dict[str, str]:
    """All that the server was started with, but its settings, which may be secret."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FUNLAND_")}

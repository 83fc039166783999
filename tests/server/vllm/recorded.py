"""What a real vLLM answered: `python -m tools.try_vllm --record`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from tools.try_vllm.recording import PLAN, WITH_FUNCTIONS

ANSWERS: Final[dict[str, Any]] = orjson.loads(Path(__file__).with_suffix(".json").read_bytes())


def body(name: str) -> dict[str, Any]:
    """The request that was answered so."""
    return dict({**PLAN, **WITH_FUNCTIONS}[name][1])


def path(name: str) -> str:
    """Where it was sent."""
    return {**PLAN, **WITH_FUNCTIONS}[name][0]

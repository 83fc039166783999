"""What becomes of a model file that is given to a running service."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from funland_client import AsyncFunland, FunlandError
from funland_client.errors import NotFoundError

ANSWERED = "answered"

EXPECTED = frozenset(
    {
        ANSWERED,
        "import: MODEL_FILE_INVALID",
        "load: MODEL_FILE_INVALID",
        "load: MODEL_LOAD_FAILED",
        "load: MODEL_TOO_LARGE",
        "load: WORKER_LOST",
        "generate: MODEL_CANNOT_GENERATE",
        "generate: MODEL_LOAD_FAILED",
        "generate: MODEL_OUTPUT_INVALID",
        "generate: PROMPT_TOO_LONG",
        "generate: WORKER_LOST",
        "generate: MODEL_BACKING_OFF",
    }
)
"""Every way in which a damaged file may end: a reason that tells its user what is wrong."""


@dataclass(frozen=True, slots=True)
class Fate:
    """How a trial ended: a step and the reason it failed with, or `ANSWERED`."""

    outcome: str
    message: str = ""

    @property
    def expected(self) -> bool:
        """Whether the service did what it promises for such files."""
        return self.outcome in EXPECTED


async def fate(client: AsyncFunland, path: Path, model_id: str) -> Fate:
    """Imports a file, loads it, asks it for two tokens, and deletes it again."""
    step = "import"
    try:
        await client.models.import_file(path, model_id)
        step = "load"
        await client.models.load(model_id, context_length=64, slots=1, threads=1)
        step = "generate"
        await client.generate("ba", model_id, temperature=0, max_tokens=2)
    except FunlandError as error:
        return _failed(step, error, path)
    finally:
        with contextlib.suppress(NotFoundError):
            await client.models.delete(model_id)
    return Fate(ANSWERED)


def _failed(step: str, error: FunlandError, path: Path) -> Fate:
    reason = error.reason or error.code.name
    if str(path.parent) in error.message:
        return Fate(f"{step}: {reason}, and it tells the path", error.message)
    return Fate(f"{step}: {reason}", error.message)

"""What came of an architecture, as a file of its own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from funland_worker import engines
from funland_worker.engines.llama_cpp import library

_OWN = ("files.py", "headers.py", "reference.py", "trials.py", "one.py")


@dataclass(slots=True)
class Trial:
    """A trial's texts, compared with llama.cpp's."""

    texts: int
    right: int
    excused: int
    """Those that are off by no more than llama.cpp is from itself."""
    off: float
    noise: float
    cached: list[int]
    drafted: int = 0
    accepted: int = 0


@dataclass(slots=True)
class Result:
    """What is known of an architecture; written after each trial, so that what was known stays
    where the process is lost."""

    name: str
    stamp: str = ""
    trials: dict[str, Trial] = field(default_factory=dict[str, Trial])
    vectors_off: float | None = None
    no_vectors: str = ""
    """Why it gives none."""
    running: str = ""
    """What is being tried."""
    error: str = ""
    plain: bool = False
    writes: bool = False

    @property
    def right(self) -> bool:
        """Whether all of its texts are llama.cpp's, and its vectors."""
        whole = all(trial.right + trial.excused == trial.texts for trial in self.trials.values())
        vectors = self.vectors_off is None or self.vectors_off <= VECTORS_LIMIT
        return whole and vectors and not (self.error or self.running)


VECTORS_LIMIT = 0.005
"""How far vectors may be off, as a part of their length."""


def stamp() -> str:
    """What results depend on: llama.cpp, the engine, and what tries it."""
    digest = hashlib.sha256(library.release().encode())
    engine = Path(engines.__file__).parent
    own = (Path(__file__).with_name(name) for name in _OWN)
    for path in [*sorted(engine.rglob("*.py")), *own]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def write(folder: Path, result: Result) -> None:
    """Keeps a result in place of the one before."""
    path = folder / f"{result.name}.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(result), indent=1))
    new.replace(path)


def read(folder: Path, name: str) -> Result | None:
    """A result that is kept; None if there is none."""
    try:
        told = json.loads((folder / f"{name}.json").read_text())
        told["trials"] = {each: Trial(**trial) for each, trial in told["trials"].items()}
        return Result(**told)
    except (OSError, ValueError, TypeError, KeyError):
        return None

"""Holds what the server estimates of a model's memory against what its worker takes, by parts:
`make bench-estimates`.

Each model is made large enough to matter, loaded by a service with settings that nobody asked for,
and given as many tokens as its cache holds. What leaves the cache is not kept, so that no more than
what is estimated remains.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from funland_client import Funland
from tools.bench.services import funland
from tools.zoo.allocations import CONTEXT, SLOTS, Allocated
from tools.zoo.files import write_model
from tools.zoo.large import LARGE, changes

NEAR = 0.1
_MIB = 1024**2
_FIRST, _LAST = 300, 4000
_FEW, _LONG = 4, CONTEXT - 200
_MANY, _SHORT = 2 * SLOTS, 60
_MADE = 8


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a model, in bytes."""

    architecture: str
    weights: int
    cache: int
    compute: int
    process: int
    estimate: int
    measured: int
    told: Allocated

    @property
    def ratio(self) -> float:
        """The estimate as a part of what was measured."""
        return self.estimate / self.measured

    @property
    def rest(self) -> int:
        """What the process has beside what llama.cpp told of."""
        told = self.told
        return self.measured - told.weights - told.keys_and_values - told.states - told.compute


HEAD = (
    "| Architecture | Weights | Keys and values, states | Buffers of a pass | The process"
    " | Together | Measured | Estimated / measured |\n|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    """A line of a table: each part as it was estimated, and as llama.cpp told of it."""

    def pair(estimated: int, told: int) -> str:
        return f"{estimated / _MIB:.0f}, {told / _MIB:.0f}"

    cells = [
        f"`{row.architecture}`",
        pair(row.weights, row.told.weights),
        pair(row.cache, row.told.keys_and_values + row.told.states),
        pair(row.compute, row.told.compute),
        pair(row.process, row.rest),
        f"{row.estimate / _MIB:.0f}",
        f"{row.measured / _MIB:.0f}",
        f"{row.ratio:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def texts(count: int, length: int, chance: random.Random) -> list[Sequence[int]]:
    """So many that have nothing in common."""
    return [[chance.randrange(_FIRST, _LAST) for _ in range(length)] for _ in range(count)]


def fill(client: Funland, model: str) -> None:
    """Gives a model all the tokens that it has room for, in a few texts that are as long as they
    may be, and then in many at once."""
    chance = random.Random(0)  # noqa: S311 - nothing secret
    for count, length in ((_FEW, _LONG), (_MANY, _SHORT)):
        answers = client.generate_batch(
            texts(count, length, chance), model, max_tokens=_MADE, temperature=0, ignore_end=True
        )
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer


def measure(client: Funland, path: Path) -> Row:
    """Has a model do all that it can, and tells what it took."""
    command = [sys.executable, "-m", "tools.zoo.allocations", str(path)]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    model = path.stem.lower()
    client.models.import_file(path, model)
    parts = client.models.estimate(model).footprint
    client.models.load(model)
    fill(client, model)
    took = client.models.estimate(model).measured_bytes
    client.models.delete(model)
    return Row(
        path.stem,
        parts.weights_bytes,
        parts.cache_bytes,
        parts.compute_bytes,
        parts.process_bytes,
        parts.total_bytes,
        took,
        Allocated(**json.loads(told)),
    )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ARCHITECTURE", help="else all")
    parser.add_argument("--out", type=Path, default=Path("build/estimates"), help="for rows")
    options = parser.parse_args()
    if unknown := set(options.names) - LARGE.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(LARGE)}")
    options.out.mkdir(parents=True, exist_ok=True)
    print(HEAD, flush=True)
    off: list[str] = []
    with tempfile.TemporaryDirectory(prefix="funland-estimates-") as name:
        folder = Path(name)
        with (
            funland(
                folder / "home", SERVER__PREFIX_MEMORY_BYTES=0, SERVER__PREFIX_SPILL_BYTES=0
            ) as service,
            Funland(service.grpc) as client,
        ):
            for architecture in options.names or LARGE:
                path = write_model(folder, architecture, half=True, **changes(architecture))
                row = measure(client, path)
                path.unlink()
                (options.out / f"{architecture}.json").write_text(json.dumps(asdict(row)))
                print(line(row), flush=True)
                if abs(row.ratio - 1) > NEAR:
                    off.append(architecture)
    print(f"more than {NEAR:.0%} off: {', '.join(off) or 'none'}")


if __name__ == "__main__":
    main()

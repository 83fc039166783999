"""Holds what the server estimates of a model's memory against what its worker takes, by parts:
`make bench-estimates`.

Each model is made large enough to matter, loaded by a service with settings that nobody asked for,
and given as many tokens as its cache holds. What leaves the cache is not kept, so that no more than
what is estimated remains. The processes that read templates and hold answers to a form count too.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import psutil
from pydantic import BaseModel

from funland_client import Funland
from tools.bench.services import Service, funland
from tools.zoo.allocations import CONTEXT, SLOTS, Allocated
from tools.zoo.estimate_rows import HEAD, ROWS, Row, line
from tools.zoo.files import write_model
from tools.zoo.large import LARGE, changes

NEAR = 0.1
_FIRST, _LAST = 300, 4000
_FEW, _LONG = 4, CONTEXT - 200
_MANY, _SHORT = 2 * SLOTS, 60
_MADE = 8
_READ = 2


class _Form(BaseModel):
    """What an answer is held to."""

    names: list[str]


def texts(count: int, length: int, chance: random.Random) -> list[Sequence[int]]:
    """So many that have nothing in common."""
    return [[chance.randrange(_FIRST, _LAST) for _ in range(length)] for _ in range(count)]


def fill(client: Funland, model: str) -> None:
    """Gives a model all the tokens that it has room for, in a few texts that are as long as they
    may be, and then in many at once; one that reads texts as a whole has two that are as long."""
    chance = random.Random(0)  # noqa: S311 - nothing secret
    known = client.models.get(model)
    if not known.can_generate:
        longest = min(known.context_length, CONTEXT)
        client.embed(texts(_READ, longest, chance), model)
        return
    for count, length in ((_FEW, _LONG), (_MANY, _SHORT)):
        answers = client.generate_batch(
            texts(count, length, chance), model, max_tokens=_MADE, temperature=0, ignore_end=True
        )
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
    client.chat("a", model, max_tokens=_MADE, format=_Form)


def peaks(service: Service) -> int:
    """The most that each process below the service had, together."""
    told = [
        re.search(r"^VmHWM:\s*(\d+) kB$", text, re.MULTILINE)
        for child in psutil.Process(service.pid).children(recursive=True)
        if (text := Path(f"/proc/{child.pid}/status").read_text())
    ]
    return sum(1024 * int(found[1]) for found in told if found)


def measure(service: Service, client: Funland, path: Path) -> Row:
    """Has a model do all that it can, and tells what it took."""
    command = [sys.executable, "-m", "tools.zoo.allocations", str(path)]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    model = path.stem.lower()
    client.models.import_file(path, model)
    parts = client.models.estimate(model).footprint
    client.models.load(model)
    fill(client, model)
    took, every = client.models.estimate(model).measured_bytes, peaks(service)
    client.models.delete(model)
    return Row(
        path.stem,
        parts.weights_bytes,
        parts.cache_bytes,
        parts.compute_bytes,
        parts.process_bytes,
        parts.total_bytes,
        took,
        every - took,
        Allocated(**json.loads(told)),
    )


def again(client: Funland, path: Path, known: Row) -> Row:
    """What was measured of a model beside what it is estimated to take now."""
    model = path.stem.lower()
    client.models.import_file(path, model)
    parts = client.models.estimate(model).footprint
    client.models.delete(model)
    return replace(
        known,
        weights=parts.weights_bytes,
        cache=parts.cache_bytes,
        compute=parts.compute_bytes,
        process=parts.process_bytes,
        estimate=parts.total_bytes,
    )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ARCHITECTURE", help="else all")
    parser.add_argument("--out", type=Path, default=Path("build/estimates"), help="for rows")
    parser.add_argument(
        "--again", action="store_true", help="estimate anew, beside what was measured before"
    )
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
                kept = options.out / f"{architecture}.json"
                if options.again:
                    row = again(client, path, ROWS.validate_json(kept.read_bytes()))
                else:
                    row = measure(service, client, path)
                path.unlink()
                kept.write_text(json.dumps(asdict(row)))
                print(line(row), flush=True)
                if abs(row.ratio - 1) > NEAR:
                    off.append(architecture)
    print(f"more than {NEAR:.0%} off: {', '.join(off) or 'none'}")


if __name__ == "__main__":
    main()

"""Gives a running service thousands of damaged GGUF files: `make fuzz`.

Every one must be refused with a reason or loaded, in bounded time, and the service must go on. A
mutant is made again by its number: `python -m tools.fuzz.gguf --first 47 --count 1 --keep FOLDER`.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import orjson
import psutil

from funland_client import AsyncFunland
from funland_server.models.installed.embedded import embedded_model
from tools.bench.services import Service, funland
from tools.bench.synthetic_model import make
from tools.fuzz.mutants import Mutant, Origin, mutant
from tools.fuzz.trial import ANSWERED, Fate, fate

_LARGEST_PROCESS = 16 * 1024**3
"""The address space that a process of the service may take: a mutant that asks for more must not
take the machine's."""


@dataclass(slots=True)
class Tally:
    """What became of all mutants."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    unexpected: list[tuple[Mutant, Fate]] = field(default_factory=list[tuple[Mutant, Fate]])
    slowest_seconds: float = 0.0
    slowest: int = -1

    def add(self, subject: Mutant, found: Fate, seconds: float) -> None:
        """Counts one."""
        self.outcomes[found.outcome] += 1
        if not found.expected:
            self.unexpected.append((subject, found))
        if seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest = seconds, subject.number

    def lines(self) -> Iterator[str]:
        """What people are told."""
        for outcome, count in self.outcomes.most_common():
            yield f"{count:7}  {outcome}"
        yield f"slowest: mutant {self.slowest}, {self.slowest_seconds:.1f} s"
        for subject, found in self.unexpected:
            yield f"NOT EXPECTED: mutant {subject.number}: {found.outcome}: {found.message}"
            yield f"    {subject.story}"


def origins(folder: Path) -> list[Origin]:
    """The whole files that mutants are made of: two synthetic ones and the embedded model's."""
    small = [make(folder, shape) for shape in ("micro", "tiny")]
    files = [*small, embedded_model().path]
    return [Origin.of(path.stem, path.read_bytes()) for path in files]


async def try_all(
    address: str, numbers: Sequence[int], sources: Sequence[Origin], at_once: int, folder: Path
) -> Tally:
    """Tries the mutants of these numbers, some at once. Raises if the service went down."""
    tally = Tally()
    remaining = iter(numbers)

    async def tester() -> None:
        for number in remaining:
            subject = await asyncio.to_thread(mutant, number, sources)
            path = folder / f"mutant-{number}.gguf"
            path.write_bytes(subject.content)
            start = perf_counter()
            found = await fate(client, path, path.stem)
            tally.add(subject, found, perf_counter() - start)
            path.unlink()

    async with AsyncFunland(address, timeout=120, retries=0) as client:
        await asyncio.gather(*(tester() for _ in range(at_once)))
        await client.chat("Hello!", temperature=0)  # still there
    return tally


def workers(service: Service) -> list[psutil.Process]:
    """The processes that the service has started and not ended."""
    return psutil.Process(service.pid).children(recursive=True)


def main() -> None:
    """Tries the mutants and exits with 1 if one did what none should."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz.gguf", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--out", type=Path, help="a JSON file for the counts")
    parser.add_argument("--keep", type=Path, help="write the mutants here and try none")
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.count)
    sources = origins(arguments.cache)
    if arguments.keep:
        for number in numbers:
            subject = mutant(number, sources)
            path = arguments.keep / f"mutant-{number}.gguf"
            path.write_bytes(subject.content)
            print(f"{path}: {subject.story}")
        return
    tally = _run(numbers, sources, arguments.at_once)
    if arguments.out:
        arguments.out.write_bytes(orjson.dumps(tally.outcomes, option=orjson.OPT_INDENT_2))
    sys.exit(1 if tally.unexpected else 0)


def _run(numbers: range, sources: Sequence[Origin], at_once: int) -> Tally:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_LARGEST_PROCESS, most))  # the service inherits it
    start = perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="funland-fuzz-") as folder,
        funland(
            Path(folder, "home"), SERVER__LOAD_TIMEOUT_SECONDS=30, SERVER__LOG_LEVEL="error"
        ) as service,
    ):
        address, files = service.grpc, Path(folder)
        asyncio.run(try_all(address, [], sources, 1, files))  # the embedded model's worker stays
        before = {process.pid for process in workers(service)}
        tally = asyncio.run(try_all(address, numbers, sources, at_once, files))
        left = [process for process in workers(service) if process.pid not in before]
        server = psutil.Process(service.pid).memory_info().rss / 1e6
    seconds = perf_counter() - start
    print(f"{len(numbers)} mutants in {seconds:.0f} s, of them {tally.outcomes[ANSWERED]} answered")
    print("\n".join(tally.lines()))
    print(f"the server is up, {server:.0f} MB; processes left behind: {len(left)}")
    return tally


if __name__ == "__main__":
    main()

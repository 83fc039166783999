"""Shows that a crowd does not take from others what is theirs: `make bench-load`.

Eight streams write while a crowd comes. Each round measures them beside the crowd and beside its
measure: callers who want the same work and behave, or nobody. Afterwards every slot must be free.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import orjson

from funland_client import AsyncFunland
from tools.bench.crowds import Target, fleeting, modest, nobody, patient, queued, slow
from tools.bench.installing import install
from tools.bench.prompts import messages
from tools.bench.services import Service, funland
from tools.bench.stage import GOOD_STREAMS, Show, Stage
from tools.bench.synthetic_model import SHAPES, make

_CONTEXT = 4096
_DEMANDED = 0.95

SHOWS = (
    Show("slow readers", slow, 200, "as many who read at once", patient, 12, 1600, 1000, 1400),
    Show("clients that vanish", fleeting, 200, "as many who end", modest, 12, 1600, 1000, 1400),
    Show("queued calls", queued, 1000, "an empty queue", nobody, GOOD_STREAMS, 2000, 1400, 1800),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a show showed, by round."""

    show: str
    beside_crowd: list[float] = field(default_factory=list[float])
    """Characters a second of all eight streams."""
    beside_measure: list[float] = field(default_factory=list[float])
    memory_mb: list[float] = field(default_factory=list[float])
    """Resident memory of the service's processes: warm, then after each round."""
    left: list[int] = field(default_factory=list[int])
    """At the end: sequences that hold a slot, and calls that wait."""

    @property
    def ratio(self) -> float:
        """Beside the crowd against beside the measure: the median of the rounds."""
        pairs = zip(self.beside_crowd, self.beside_measure, strict=True)
        return median(crowd / measure for crowd, measure in pairs)

    def text(self, show: Show) -> str:
        """The lines for people."""
        met = "met" if self.ratio >= _DEMANDED else "NOT MET"
        pairs = zip(self.beside_crowd, self.beside_measure, strict=True)
        rounds = ", ".join(f"{crowd:.0f}/{measure:.0f}" for crowd, measure in pairs)
        memory = ", ".join(f"{mb:.0f}" for mb in self.memory_mb)
        return (
            f"{show.callers} {show.name}: the others' throughput is {self.ratio:.3f} of that beside"
            f" {show.against} (>= {_DEMANDED}  {met})\n"
            f"  characters/s by round: {rounds}\n"
            f"  memory of all processes, MB: {memory}\n"
            f"  at the end: {self.left[0]} slots held, {self.left[1]} calls waiting"
        )


async def run(service: Service, model: Path, vocabulary: int, rounds: int) -> list[Result]:
    """Gives all shows, and prints each when it is over."""
    prompts = messages(vocabulary, 28, 0)
    results: list[Result] = []
    async with AsyncFunland(service.grpc) as client:
        for show in SHOWS:
            model_id = await asyncio.to_thread(
                install, service, model, slots=show.slots, context_length=_CONTEXT
            )
            target = Target(service.http, service.grpc, model_id, prompts)
            stage = Stage(service, client, target, show)
            await stage.warm_up()
            await stage.rate(show.crowd, show.waiting)
            result = Result(show.name, memory_mb=[stage.memory_mb()])
            for _ in range(rounds):
                result.beside_crowd.append(await stage.rate(show.crowd, show.waiting))
                waiting = 0 if show.measure is nobody else show.waiting
                result.beside_measure.append(await stage.rate(show.measure, waiting))
                result.memory_mb.append(stage.memory_mb())
            result.left.extend(await stage.settle())
            print(result.text(show), flush=True)
            results.append(result)
    return results


def main() -> None:
    """Gives the shows on a service of their own."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.load", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="of load.json")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    # Hundreds of callers are as many sockets, here and in the service.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    model = make(arguments.cache, "tiny").resolve()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="funland-load-") as folder,
        funland(Path(folder), SERVER__THREADS=1, SERVER__LOG_LEVEL="warning") as service,
    ):
        vocabulary = SHAPES["tiny"].vocabulary
        results = asyncio.run(run(service, model, vocabulary, arguments.rounds))
    document = [{**asdict(result), "ratio": result.ratio} for result in results]
    path = arguments.out / "load.json"
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()

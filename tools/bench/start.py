"""How long `funland serve` takes to be ready, and what it takes of the memory: `make bench-start`.

With `--beside CHECKOUT` another build is measured in the same rounds, turn by turn.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.request import ProxyHandler, Request, build_opener

import orjson
import psutil

from tools.bench.services import read_line, running

_READY_SECONDS = 120
_QUIET_SECONDS = 0.5
"""So long a server must have done nothing to be at rest."""
_MODEL: Final = "funland-tiny"
_CHAT: Final = {
    "model": _MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "Hello!"}],
}  # fmt: skip
_FIRST: Final[Mapping[str, tuple[str, Any]]] = {
    "first list of models": ("/funland/v1/models", None),
    "first chat": ("/v1/chat/completions", _CHAT),
    "second chat": ("/v1/chat/completions", _CHAT),
    "first embedding": ("/v1/embeddings", {"model": _MODEL, "input": "Hello!"}),
    "second embedding": ("/v1/embeddings", {"model": _MODEL, "input": "Hello!"}),
    "first OpenAPI document": ("/openapi.json", None),
}
"""What is asked of a server that is at rest, in this order: the first chat loads the model."""
_IMPORTED: Final = re.compile(r"^import time: +(\d+) \| +\d+ \| +([\w.]+)$", re.MULTILINE)
_MOST_PACKAGES: Final = 16

Figures = dict[str, float]


def start(command: Path, home: Path, log: Path) -> Figures:
    """Starts a server, lets it come to rest and asks it for each of `_FIRST`."""
    begin = time.perf_counter()
    arguments = ["serve", "--json", "--grpc-port", "0", "--http-port", "0", "--home", str(home)]
    with running([str(command), *arguments], log) as process:
        line = read_line(process, _READY_SECONDS)
        ready = time.perf_counter() - begin
        if not line:
            raise RuntimeError(f"{command} did not start; see {log}")
        server = psutil.Process(process.pid)
        taken = _processor(server)
        _rest(server)
        memory = server.memory_full_info()
        return {
            "ready, ms": 1e3 * ready,
            "processor until ready, ms": 1e3 * taken,
            "processor until at rest, ms": 1e3 * _processor(server),
            "RSS at rest, MiB": memory.rss / 2**20,
            "PSS at rest, MiB": memory.pss / 2**20,
            **_first_answers(orjson.loads(line)["http"], server),
        }


def help_of(command: Path) -> Figures:
    """What `funland --help` takes of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(command), "--help"], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"processor of --help, ms": 1e3 * taken}


def packages(command: Path, home: Path) -> Iterator[tuple[str, int, float]]:
    """The packages that a start imports: the modules, and the milliseconds of their own. To count
    them takes as long again, so these are shares rather than times."""
    python = command.with_name("python")
    arguments = ["serve", "--json", "--grpc-port", "0", "--http-port", "0", "--home", str(home)]
    log = home.with_suffix(".imports")
    with running([str(python), "-X", "importtime", str(command), *arguments], log) as process:
        read_line(process, _READY_SECONDS)
    modules, times = Counter[str](), Counter[str]()
    for microseconds, module in _IMPORTED.findall(log.read_text("utf-8")):
        package = module.partition(".")[0]
        modules[package] += 1
        times[package] += int(microseconds)
    for package, microseconds in times.most_common(_MOST_PACKAGES):
        yield package, modules[package], microseconds / 1e3


def _processor(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.user + times.system


def _rest(server: psutil.Process) -> None:
    before = -1.0
    while before != (before := _processor(server)):
        time.sleep(_QUIET_SECONDS)


def _first_answers(url: str, server: psutil.Process) -> Figures:
    """The time of each, and what the server, without its workers, took of the processor."""
    opener = build_opener(ProxyHandler({}))
    found: Figures = {}
    for name, (path, body) in _FIRST.items():
        data = None if body is None else orjson.dumps(body)
        request = Request(url + path, data, {"content-type": "application/json"})  # noqa: S310 - ours
        begin, before = time.perf_counter(), _processor(server)
        with opener.open(request) as answer:
            answer.read()
        found[f"{name}, ms"] = 1e3 * (time.perf_counter() - begin)
        found[f"{name}, processor, ms"] = 1e3 * (_processor(server) - before)
    return found


def _table(builds: Mapping[str, list[Figures]]) -> Iterator[str]:
    """Medians, and each build's over the last one's."""
    *_, against = builds.values()
    for name in against[0]:
        values = [median(figures[name] for figures in rounds) for rounds in builds.values()]
        ratios = "".join(
            f"{value / values[-1]:>8.2f}" if values[-1] else "" for value in values[:-1]
        )
        yield f"{name:<36}" + "".join(f"{value:>12.1f}" for value in values) + ratios


def main() -> None:
    """Measures, and prints the medians."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.start", description=__doc__)
    parser.add_argument("--beside", type=Path, help="a checkout with an installed .venv")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    builds = {"this": Path(sys.executable).with_name("funland")}
    if arguments.beside is not None:
        builds["beside"] = arguments.beside / ".venv" / "bin" / "funland"
    for name in [name for name in os.environ if name.startswith("FUNLAND_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="funland-start-") as folder:
        homes = {name: Path(folder) / name for name in builds}
        log = Path(folder) / "log"
        for home in ("an empty home", "a home that was used before"):
            found: dict[str, list[Figures]] = {name: [] for name in builds}
            for number in range(arguments.rounds):
                for name, command in builds.items():
                    used = home.startswith("a home")
                    at = homes[name] if used else Path(folder) / f"{name}-{number}"
                    found[name].append(start(command, at, log) | help_of(command))
            print(f"\n{home:<36}" + "".join(f"{name:>12}" for name in builds))
            print("\n".join(_table(found)), flush=True)
        print("\nimported by a start of this           modules  ms of their own")
        for package, modules, milliseconds in packages(builds["this"], homes["this"]):
            print(f"{package:<34}{modules:>12}{milliseconds:>17.1f}")


if __name__ == "__main__":
    main()

"""Shows what chats that are held open over WebSockets cost, and whom one that stops to read
disturbs: `make bench-sockets`.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

import aiohttp
import orjson
import psutil

from tools.bench.chatting import Writers, idle, unread
from tools.bench.services import Service, funland

_IDLE: Final = 500
_WRITING: Final = 50
_SLOTS: Final = 64
_CUT_OFF_SECONDS: Final = 2
_MOST_MB: Final = 150
_DEMANDED: Final = 0.95


@dataclass(frozen=True, slots=True)
class Memory:
    """What the server's process has, in MB: its resident set."""

    rest: float
    idle: float
    """With all that wait."""
    most: float
    """The most of it while others write beside them."""

    def text(self) -> str:
        """The lines for people."""
        above = self.most - self.rest
        met = "met" if above < _MOST_MB else "NOT MET"
        return (
            f"{_IDLE} idle and {_WRITING} writing: {above:.0f} MB above rest"
            f" (< {_MOST_MB}  {met})\n"
            f"  at rest {self.rest:.0f} MB, with those that are idle {self.idle:.0f},"
            f" at most {self.most:.0f}"
        )


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the others have beside one that stops to read, in characters a second by round."""

    alone: list[float]
    beside: list[float]

    @property
    def ratio(self) -> float:
        """Beside it against without it: the median of the rounds."""
        return median(one / other for one, other in zip(self.beside, self.alone, strict=True))

    def text(self) -> str:
        """The lines for people."""
        met = "met" if self.ratio >= _DEMANDED else "NOT MET"
        pairs = zip(self.beside, self.alone, strict=True)
        rounds = ", ".join(f"{beside:.0f}/{alone:.0f}" for beside, alone in pairs)
        return (
            f"{_WRITING - 1} beside one that stops to read: {self.ratio:.3f} of their rate without"
            f" it (>= {_DEMANDED}  {met})\n"
            f"  characters/s by round: {rounds}; it was cut off {len(self.beside)} times"
        )


async def memory(service: Service, seconds: float) -> Memory:
    """Measures what sockets take."""
    process = psutil.Process(service.pid)
    async with _client(service) as http:
        async with Writers(http, 1) as one:
            await one.rate(1)
        rest = _resident(process)
        async with idle(http, _IDLE):
            waiting = most = _resident(process)
            async with Writers(http, _WRITING):
                for _ in range(round(seconds * 2)):
                    await asyncio.sleep(0.5)
                    most = max(most, _resident(process))
    return Memory(rest, waiting, most)


async def neighbours(service: Service, seconds: float, rounds: int) -> Neighbours:
    """Measures those who write alone, and then beside one that stops to read, again and again."""
    found = Neighbours([], [])
    log = service.home / "server.log"
    async with _client(service) as http, Writers(http, _WRITING - 1) as writers:
        await writers.rate(1)
        for _ in range(rounds):
            found.alone.append(await writers.rate(seconds))
            async with unread(http, service.http, log):
                found.beside.append(await writers.rate(seconds))
    return found


@asynccontextmanager
async def _client(service: Service) -> AsyncGenerator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(service.http, connector=connector) as http:
        yield http


def _resident(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def main() -> None:
    """Measures a service of its own."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.sockets", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="of sockets.json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6, help="of each measurement")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    arguments.out.mkdir(parents=True, exist_ok=True)
    settings = {
        "SERVER__SLOTS": _SLOTS,
        "GATEWAY__SEND_TIMEOUT_SECONDS": _CUT_OFF_SECONDS,
    }
    with (
        tempfile.TemporaryDirectory(prefix="funland-sockets-") as folder,
        funland(Path(folder), **settings) as service,
    ):
        held = asyncio.run(memory(service, arguments.seconds))
        print(held.text(), flush=True)
        others = asyncio.run(neighbours(service, arguments.seconds, arguments.rounds))
        print(others.text(), flush=True)
    document = {"memory": asdict(held), "neighbours": {**asdict(others), "ratio": others.ratio}}
    path = arguments.out / "sockets.json"
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()

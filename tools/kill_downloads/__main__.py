"""Kills a server fifty times in a download of five files: `make soak-downloads`."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tools.kill_downloads.killing import REPOSITORY, torment

_MIB = 1024**2
_SHARES = (0.5, 0.25, 0.15, 0.09, 0.01)


async def soak(options: argparse.Namespace, home: Path) -> bool:
    """One download; prints what it cost, and says whether that is as it should be."""
    async with FakeHub() as hub:
        files = {
            f"model-{number}.gguf": seeded(int(share * options.size), number)
            for number, share in enumerate(_SHARES)
        }
        hub.huggingface.add(REPOSITORY, files)
        hub.faults.add(kinds.rate(options.rate))
        cost = await torment(hub, home, options.kills, options.seed)
    more = cost.sent - cost.size
    print(
        f"{cost.kills} kills, {cost.size / _MIB:.0f} MiB: {cost.sent / cost.size:.3f} of the size"
        f" was sent, {more / _MIB:.1f} MiB more ({more / cost.kills / _MIB:.2f} MiB a kill);"
        f" {cost.in_flight / _MIB:.1f} MiB were of parts in flight;"
        f" the files are {'right' if cost.right else 'WRONG'}"
    )
    return cost.right and cost.sent <= 1.05 * cost.size + cost.in_flight


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--size", type=int, default=256 * _MIB, help="bytes of all files")
    parser.add_argument("--rate", type=float, default=4 * _MIB, help="bytes a second, connection")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        if not asyncio.run(soak(options, Path(home))):
            raise SystemExit("more was fetched than a kill may cost, or a file is wrong")


if __name__ == "__main__":
    main()

"""Kills a whole server fifty times in a download of five files: `make soak-downloads`."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.hubs import kinds
from tests.hubs.server import FakeHub
from tools.kill_downloads.killing import REPOSITORY, large_model, torment

_MIB = 1024**2


async def soak(options: argparse.Namespace, folder: Path) -> bool:
    """One download; prints what it cost, and says whether that is as it should be."""
    async with FakeHub() as hub:
        hub.huggingface.add(REPOSITORY, large_model(folder / "hub", options.size))
        hub.faults.add(kinds.rate(options.rate))
        cost = await torment(hub, folder / "home", options.kills, options.seed)
    more = cost.sent - cost.size
    print(
        f"{cost.kills} kills, {cost.size / _MIB:.0f} MiB: {cost.sent / cost.size:.3f} of the size"
        f" was sent, {more / _MIB:.1f} MiB more ({more / cost.kills / _MIB:.2f} MiB a kill);"
        f" {cost.in_flight / _MIB:.1f} MiB were of parts in flight;"
        f" {' and '.join(cost.wrong).upper() or 'all is right in the end'}"
    )
    return not cost.wrong and cost.sent <= 1.05 * cost.size + cost.in_flight


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--size", type=int, default=256 * _MIB, help="bytes of all files")
    parser.add_argument("--rate", type=float, default=_MIB / 8, help="bytes a second, connection")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not asyncio.run(soak(options, Path(folder))):
            raise SystemExit("more was fetched than a kill may cost, or something is wrong")


if __name__ == "__main__":
    main()

"""Kills a server two hundred times while others write in its sessions: `make soak-sessions`."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests import postgresql
from tools.kill_sessions.killing import torment


async def soak(options: argparse.Namespace, folder: Path, database: str) -> bool:
    """One database; prints what came of it, and says whether that is as it should be."""
    with ExitStack() as stack:
        url = ""
        if database == "postgresql":
            url = stack.enter_context(postgresql.cluster()).database()
        begin = time.monotonic()
        cost = await torment(
            folder / database,
            options.kills,
            options.seed,
            writers=options.writers,
            database_url=url,
        )
    each = (time.monotonic() - begin) / max(cost.kills, 1)
    print(
        f"{database}: {cost.kills} kills under {options.writers} writers, {each:.1f} s each;"
        f" {cost.messages} messages, {cost.broken_off} answers broken off, which lost"
        f" {cost.lost / max(cost.broken_off, 1):.0f} characters on average;"
        f" {'; '.join(cost.wrong) or 'nothing that was told to be kept is lost'}",
        flush=True,
    )
    return not cost.wrong and cost.messages > 0


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="on each database")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--database", choices=["sqlite", "postgresql"], action="append", help="default: both"
    )
    options = parser.parse_args()
    databases = options.database or ["sqlite", "postgresql"]
    with tempfile.TemporaryDirectory() as folder:
        as_it_should_be = [
            asyncio.run(soak(options, Path(folder), database)) for database in databases
        ]
    if not all(as_it_should_be):
        raise SystemExit("something that was told to be kept is lost, or wrong")


if __name__ == "__main__":
    main()

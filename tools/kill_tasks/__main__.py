"""Kills a server fifty times under tasks of all kinds: `make soak-tasks`."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests import postgresql
from tools.kill_tasks.killing import torment


async def soak(options: argparse.Namespace, folder: Path, database: str) -> bool:
    """One database; prints what came of it, and says whether that is as it should be."""
    with ExitStack() as stack:
        url = ""
        if database == "postgresql":
            url = stack.enter_context(postgresql.cluster()).database()
        begin = time.monotonic()
        cost = await torment(
            folder / database, options.kills, options.tasks, options.seed,
            database_url=url, plugins=not options.no_plugins,
        )  # fmt: skip
    print(
        f"{database}: {cost.kills} kills under {options.tasks} tasks, which were begun"
        f" {cost.attempts} times, in {time.monotonic() - begin:.0f} s;"
        f" {'; '.join(cost.wrong) or 'each ended once, as it would have undisturbed'}",
        flush=True,
    )
    return not cost.wrong


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="on each database")
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-plugins", action="store_true")
    parser.add_argument(
        "--database", choices=["sqlite", "postgresql"], action="append", help="default: both"
    )
    options = parser.parse_args()
    databases = options.database or ["sqlite", "postgresql"]
    with tempfile.TemporaryDirectory() as folder:
        fine = [asyncio.run(soak(options, Path(folder), database)) for database in databases]
    if not all(fine):
        raise SystemExit("a task was lost, or ended otherwise")


if __name__ == "__main__":
    main()

"""Keeps files without end and says which, until it is killed: `python -m tests.server.files.keeper
HOME`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from funland_server.blobs.store import Blobs
from funland_server.config import ServerSettings
from funland_server.files.domain import Files
from funland_server.live import Live
from funland_server.storage.database import Database


def content(number: int) -> bytes:
    """That of the file of a number; every third has the one before."""
    return f"{number - number % 3 // 2} ".encode() * 20_000


async def parts(number: int) -> AsyncIterator[bytes]:
    whole = content(number)
    for begin in range(0, len(whole), 8192):
        yield whole[begin : begin + 8192]


async def main(home: Path) -> None:
    database = Database(home / "funland.sqlite3")
    await database.open()
    files = Files(Live(ServerSettings(home=home)), database, Blobs(home / "blobs"))
    await files.start()
    for number in range(10**9):
        kept = await files.keep(parts(number), name=f"{number}", purpose="test")
        sys.stdout.write(f"{kept.file_id} {number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

"""Kills a whole server while others write in its sessions, and looks what is kept."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc.aio

from funland.v1.sessions_pb2_grpc import SessionServiceStub
from tools.kill_sessions.writers import Writer, write_all

_SECONDS: Final = 120
_LONGEST: Final = 1.0
"""Seconds that all write before a kill, at most."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What came of it."""

    kills: int
    messages: int
    """Those that were told to be kept."""
    broken_off: int
    """Answers that were under way at a kill."""
    lost: int
    """Characters of them that were told, and were not saved yet."""
    wrong: tuple[str, ...]
    """What is not as it should be, in words."""


async def torment(
    home: Path, kills: int, seed: int, *, writers: int, database_url: str = ""
) -> Cost:
    """Has so many write in a session each, and kills their server at random moments."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    everyone = [Writer(random.Random(chance.random())) for _ in range(writers)]  # noqa: S311 - no secret
    broken_off = lost = 0
    damaged: list[str] = []
    for kill in range(kills + 1):
        server, address = await _serve(home, database_url)
        try:
            lost += await _checked(everyone, address)
            if kill == kills:
                break
            write = asyncio.Event()
            writing = asyncio.create_task(write_all(everyone, address, write))
            await asyncio.wait_for(write.wait(), _SECONDS)
            await asyncio.sleep(chance.uniform(0, _LONGEST))  # at any moment
        finally:
            server.kill()
            await server.wait()
        await asyncio.wait_for(writing, _SECONDS)
        broken_off += sum(len(writer.begun) for writer in everyone)
        if not database_url and (said := _integrity(home / "funland.sqlite3")) != "ok":
            damaged.append(f"the database is damaged: {said}")
    return Cost(
        kills,
        sum(len(writer.whole) for writer in everyone),
        broken_off,
        lost,
        tuple(dict.fromkeys([*damaged, *(what for writer in everyone for what in writer.wrong)])),
    )


async def _checked(writers: list[Writer], address: str) -> int:
    """Holds what all were told against what a server finds; gives what is lost, in characters."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = SessionServiceStub(channel)
        return sum([await writer.check(stub) for writer in writers if writer.session_id])


def _integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    return said


async def _serve(home: Path, database_url: str) -> tuple[asyncio.subprocess.Process, str]:
    """A server that is ready, and its address."""
    await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
    environment = {**os.environ, "FUNLAND_SERVER__MAX_CONTEXT_LENGTH": "1024"}
    if database_url:
        environment["FUNLAND_DATABASE_URL"] = database_url
    with (home / "server.log").open("a") as log:
        server = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("funland")), "serve", "--json",
            "--grpc-port", "0", "--http-port", "0", "--home", str(home),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=environment,
        )  # fmt: skip
    assert server.stdout is not None  # noqa: S101 - for the type
    line = await asyncio.wait_for(server.stdout.readline(), _SECONDS)
    return server, json.loads(line)["grpc"]

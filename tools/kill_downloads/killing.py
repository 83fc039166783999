"""Kills a server in the midst of a download, again and again, and counts what that costs."""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from funland_server.downloads.plan import PlannedFile
from tests.hubs.server import FakeHub
from tests.server.downloads.place import files_of

REPOSITORY = "o/model"
_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Cost:
    """What came of it."""

    kills: int
    size: int
    """Of all files, in bytes."""
    sent: int
    """What the hub sent in all, in bytes; it counts what the killed had not read, too."""
    in_flight: int
    """What was sent of the parts that were under way at the kills, in bytes."""
    right: bool
    """Whether every file is what it should be."""


async def torment(hub: FakeHub, home: Path, kills: int, seed: int) -> Cost:
    """Downloads the only repository of a hub into a home, with so many kills at random moments."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    files = files_of(hub, REPOSITORY)
    size = sum(file.size_bytes or 0 for file in files)
    plan = _write_plan(home, files)
    in_flight = 0
    for _ in range(kills):
        child = await _child(home, plan)
        # At most so many bytes that even all together are not the whole.
        until = hub.bytes_sent() + int(chance.uniform(0.1, 1.0) * size / (kills + 1))
        reached = asyncio.ensure_future(hub.until(lambda until=until: hub.bytes_sent() >= until))
        ended = asyncio.ensure_future(child.wait())
        await asyncio.wait([ended, reached], return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            reached.cancel()
            raise RuntimeError("it ended before it was killed")
        await reached
        flying = [asked for asked in hub.requests if not asked.ended]
        child.kill()
        await ended
        await hub.until(lambda: all(asked.ended for asked in hub.requests))
        in_flight += sum(asked.sent for asked in flying)
    child = await _child(home, plan)
    output, _ = await asyncio.wait_for(child.communicate(), _SECONDS)
    if not output.splitlines()[-1].startswith(b"COMPLETED"):
        raise RuntimeError(f"it did not end well: {output.decode()}")
    repository = hub.huggingface.repositories[REPOSITORY].newest
    right = all(
        (home / "models" / "model" / path).read_bytes() == file.content.bytes()
        for path, file in repository.files.items()
    )
    return Cost(kills, size, hub.bytes_sent(), in_flight, right)


def _write_plan(home: Path, files: tuple[PlannedFile, ...]) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    plan = home / "plan.json"
    plan.write_bytes(orjson.dumps([asdict(file) for file in files]))
    return plan


async def _child(home: Path, plan: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tools.kill_downloads.child", str(home), str(plan),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

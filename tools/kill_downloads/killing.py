"""Kills a whole server in the midst of a download, again and again, and counts what that costs."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from funland_client import AsyncFunland
from tests.hubs import content
from tests.hubs.content import Content
from tests.hubs.models import split_gguf_files
from tests.hubs.server import FakeHub

REPOSITORY = "owner/model-GGUF"
_SHARES = (0.5, 0.25, 0.15, 0.09, 0.01)
_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Cost:
    """What came of it."""

    kills: int
    size: int
    """Of all files, in bytes."""
    sent: int
    """What the hub sent of them in all, in bytes; it counts what the killed had not read, too."""
    in_flight: int
    """What was sent of the parts that were under way at the kills, in bytes."""
    wrong: tuple[str, ...]
    """What is not as it should be in the end, in words."""


def large_model(folder: Path, size: int) -> Mapping[str, Content]:
    """A model in five files that loads, and is of about so many bytes: behind the weights of each
    is what no engine reads. It is made in the folder."""
    files: dict[str, Content] = {}
    for share, (name, made) in zip(_SHARES, split_gguf_files(folder, 5).items(), strict=True):
        more = content.seeded(max(int(share * size) - made.length, 0), name)
        with (folder / name).open("ab") as file:
            file.writelines(more.chunks())
        files[name] = content.on_disk(folder / name)
    return files


async def torment(hub: FakeHub, home: Path, kills: int, seed: int) -> Cost:
    """Pulls the only repository of a hub into a home, with so many kills at random moments."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    files = hub.huggingface.repositories[REPOSITORY].newest.files
    size = sum(file.content.length for file in files.values())
    in_flight, download_id = 0, ""
    for _ in range(kills):
        server, address = await _serve(hub, home)
        if not download_id:
            download_id = await _begin(address)
        # At most so many bytes that even all together are not the whole.
        until = hub.bytes_sent("*.gguf") + int(chance.uniform(0, 1) * size / (kills + 1))
        reached = asyncio.ensure_future(
            hub.until(lambda until=until: hub.bytes_sent("*.gguf") > until)
        )
        ended = asyncio.ensure_future(server.wait())
        await asyncio.wait([ended, reached], return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            reached.cancel()
            raise RuntimeError("it ended before it was killed")
        await reached
        flying = [asked for asked in hub.requests.of("*.gguf") if not asked.ended]
        server.kill()
        await ended
        await hub.until(lambda: all(asked.ended for asked in hub.requests))
        in_flight += sum(asked.sent for asked in flying)
    wrong = await _end(hub, home, download_id)
    return Cost(kills, size, hub.bytes_sent("*.gguf"), in_flight, wrong)


async def _begin(address: str) -> str:
    async with AsyncFunland(address) as client:
        begun = await client.downloads.start(f"huggingface:{REPOSITORY}", model_id="model")
    return begun.download_id


async def _end(hub: FakeHub, home: Path, download_id: str) -> tuple[str, ...]:
    """Lets the download come to its end, and tells what is wrong then."""
    server, address = await _serve(hub, home)
    async with AsyncFunland(address) as client, asyncio.timeout(_SECONDS):
        async for _ in client.downloads.follow(download_id):
            pass
        models = [model.model_id for model in await client.models.list() if not model.built_in]
        answer = await client.chat("Hello!", model="model", max_tokens=3)
    server.terminate()
    await server.wait()
    checks = {
        f"the models are {models}": models != ["model"],
        "the model says nothing": not answer.message.content,
        "files are left of the download": any((home / "downloads").rglob("*.*")),
        "the database is damaged": _integrity(home / "funland.sqlite3") != "ok",
        **_checks_of_files(hub, home),
    }
    return tuple(what for what, is_so in checks.items() if is_so)


def _checks_of_files(hub: FakeHub, home: Path) -> Mapping[str, bool]:
    """What could be wrong with the model's files and the blobs that they are, and whether it is."""
    files = [*hub.huggingface.repositories[REPOSITORY].newest.files.values()]
    weights = sorted((home / "models" / "model").glob("*.gguf"))
    right = sorted(file.content.sha256 for file in files)
    blobs = sorted(path for path in (home / "blobs").iterdir() if path.suffix != ".seal")
    return {
        "the files are others": sorted(content.on_disk(path).sha256 for path in weights) != right,
        "the blobs are others": [path.name for path in blobs]
        != [f"sha256-{each}" for each in right],
    }


def _integrity(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return said


async def _serve(hub: FakeHub, home: Path) -> tuple[asyncio.subprocess.Process, str]:
    """A server that is ready, and its address."""
    await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
    with (home / "server.log").open("a") as log:
        server = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("funland")), "serve", "--json",
            "--grpc-port", "0", "--http-port", "0", "--home", str(home),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={
                **os.environ,
                "FUNLAND_SERVER__HUGGINGFACE_ENDPOINT": hub.huggingface.url,
                "FUNLAND_SERVER__ALLOWED_PRIVATE_HOSTS": "127.0.0.4",  # its CDN
            },
        )  # fmt: skip
    assert server.stdout is not None  # noqa: S101 - for the type
    line = await asyncio.wait_for(server.stdout.readline(), _SECONDS)
    return server, json.loads(line)["grpc"]

"""Many callers who know nothing of each other: no download is stuck, and nothing is left of any."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from funland.v1.downloads_pb2 import (
    CancelDownloadRequest,
    DeleteDownloadRequest,
    Download,
    ListDownloadsRequest,
    PauseDownloadRequest,
    ResumeDownloadRequest,
    RetryDownloadRequest,
    UpdateDownloadRequest,
)
from funland_server.downloads.errors import DownloadNotFoundError, DownloadStateError
from funland_server.downloads.jobs.machine import ENDED
from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tests.server.conftest import until
from tests.server.downloads.depot import Depot
from tests.server.downloads.fetching import MIB

NAMES = ("o/one", "o/two", "o/three")
CALLERS, CALLS = 6, 25


@pytest.fixture(autouse=True)
def models(hub: FakeHub) -> None:
    shared = seeded(2 * MIB + 5, "shared")
    for number, name in enumerate(NAMES):
        hub.huggingface.add(name, {
            "shared.gguf": shared,
            "own.gguf": seeded(MIB + number, number),
            "config.json": b"{}",
        })  # fmt: skip
    hub.faults.add(kinds.drops(MIB))
    hub.faults.add(kinds.status(503), times=20)


@pytest.mark.parametrize("seed", range(8))
async def test_callers_in_each_others_way(hub: FakeHub, tmp_path: Path, seed: int) -> None:
    depot = Depot(hub, tmp_path)
    await depot.start()
    chance = random.Random(seed)  # noqa: S311 - no secret
    callers = [
        _call(depot, random.Random(chance.random()), stop=number == 0)  # noqa: S311 - as above
        for number in range(CALLERS)
    ]

    await asyncio.gather(*callers)

    for job in depot.roster.all():
        state = job.standing.state
        if state in (Download.FAILED, Download.CANCELLED):
            await depot.service.RetryDownload(RetryDownloadRequest(download_id=job.download_id))
        elif state not in ENDED:
            await depot.service.ResumeDownload(ResumeDownloadRequest(download_id=job.download_id))
    await until(lambda: all(job.standing.state in ENDED for job in depot.roster.all()))
    assert {job.standing.state for job in depot.roster.all()} <= {Download.COMPLETED}
    for job in depot.roster.all():
        await job.settled()
    _check(depot, hub)
    listed = await depot.service.ListDownloads(ListDownloadsRequest())
    await depot.stop()

    again = Depot(hub, tmp_path)
    await again.start()
    kept = await again.service.ListDownloads(ListDownloadsRequest())
    assert [one.download_id for one in kept.downloads] == [
        one.download_id for one in listed.downloads
    ]
    _check(again, hub)
    await again.stop()


def _check(depot: Depot, hub: FakeHub) -> None:
    assert [*(depot.home / "downloads").glob("*/*")] == []
    for folder in depot.shelf.models.iterdir():
        files = hub.huggingface.repositories[f"o/{folder.name}"].newest.files
        for path, file in files.items():
            assert (folder / path).read_bytes() == file.content.bytes()
    blobs = [path for path in (depot.home / "blobs").iterdir() if path.suffix != ".seal"]
    assert [path.name for path in blobs if path.stat().st_nlink < 2] == []


async def _call(depot: Depot, chance: random.Random, *, stop: bool) -> None:
    """What one of them asks for; the first gives up waiting for its answers now and then."""
    service = depot.service
    acts = (
        (service.PauseDownload, PauseDownloadRequest),
        (service.ResumeDownload, ResumeDownloadRequest),
        (service.CancelDownload, CancelDownloadRequest),
        (service.RetryDownload, RetryDownloadRequest),
        (service.DeleteDownload, DeleteDownloadRequest),
        (service.UpdateDownload, UpdateDownloadRequest),
    )
    for _ in range(CALLS):
        jobs = depot.roster.all()
        if not jobs or chance.random() < 0.3:
            asking = depot.begin(chance.choice(NAMES), paused=chance.random() < 0.2)
        else:
            act, request = chance.choice(acts)
            asking = act(request(download_id=chance.choice(jobs).download_id))  # pyright: ignore[reportArgumentType] - each has its own
        asked = asyncio.ensure_future(asking)
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)
        if stop and chance.random() < 0.3:
            asked.cancel()
        await asyncio.wait([asked])
        if not asked.cancelled() and (error := asked.exception()) is not None:
            assert isinstance(error, DownloadNotFoundError | DownloadStateError), error

"""What survives the end of a server, whatever end it has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import time

import pytest

from funland.v1.downloads_pb2 import Download
from funland_server.downloads.fetching import transfer
from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tests.server.conftest import until
from tests.server.downloads.depot import Depot
from tests.server.downloads.fetching import MIB
from tools.kill_downloads.killing import REPOSITORY, large_model, torment

LARGE = seeded(6 * MIB + 7)


@pytest.fixture(autouse=True)
def model(hub: FakeHub) -> None:
    hub.huggingface.add("o/one", {"model.gguf": LARGE, "config.json": b"{}"})


async def test_one_under_way_goes_on_after_a_restart(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    first = Depot(hub, tmp_path)
    await first.start()
    begun = await first.begin("o/one", max_connections=1)
    await hub.until_stalled()
    await until(lambda: first.now(begun).downloaded_bytes >= MIB)
    await first.stop()
    hub.faults.clear()
    hub.release()

    second = Depot(hub, tmp_path)
    await second.start()
    done = await second.reaches(begun, Download.COMPLETED)
    await second.stop()

    assert done.fetched_bytes <= done.total_bytes + MIB
    assert (tmp_path / "models" / "one" / "model.gguf").read_bytes() == LARGE.bytes()


async def test_one_that_is_paused_stays_so_and_knows_what_is_there(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    first = Depot(hub, tmp_path)
    await first.start()
    begun = await first.begin("o/one", max_connections=1)
    await hub.until_stalled()
    await until(lambda: first.now(begun).downloaded_bytes >= MIB)
    await first.stop()

    second = Depot(hub, tmp_path)
    second.site.tools.bucket.rate = 1.0  # it comes to nothing more before it is paused
    await second.start()
    there = second.now(begun).downloaded_bytes
    await second.stop()

    assert there >= MIB


async def test_a_clock_that_was_years_ahead_makes_nobody_wait_so_long(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults.add(kinds.status(429, retry_after=86_400))
    first = Depot(hub, tmp_path)
    await first.start()
    with monkeypatch.context() as patch:
        patch.setattr(transfer, "time", lambda: time() + 10 * 365 * 86_400)
        begun = await first.begin("o/one")
        await first.reaches(begun, Download.WAITING)
    await first.stop()

    second = Depot(hub, tmp_path)
    await second.start()
    timer = second.roster.get(begun.download_id).timer
    assert timer is not None
    assert timer.when() - asyncio.get_running_loop().time() <= 3600
    await second.stop()


async def test_what_belongs_to_no_download_is_removed_at_the_start(
    hub: FakeHub, tmp_path: Path
) -> None:
    depot = Depot(hub, tmp_path)
    lost = tmp_path / "downloads" / "dl-lost"
    lost.mkdir(parents=True)
    (lost / "0.part").write_bytes(b"x")
    blob = tmp_path / "lost"
    blob.write_bytes(LARGE.bytes())
    depot.site.blobs.adopt(blob, LARGE.sha256)

    await depot.start()
    await depot.stop()

    assert not lost.exists()
    assert depot.site.blobs.find(LARGE.sha256) is None


async def test_kill_9_costs_at_most_the_parts_in_flight(hub: FakeHub, tmp_path: Path) -> None:
    hub.huggingface.add(REPOSITORY, large_model(tmp_path / "hub", 16 * MIB))
    hub.faults.add(kinds.rate(MIB / 2))

    cost = await torment(hub, tmp_path / "home", kills=3, seed=1)

    assert cost.wrong == ()
    assert cost.sent <= 1.05 * cost.size + cost.in_flight

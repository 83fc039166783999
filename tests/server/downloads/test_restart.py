"""What survives the end of a server, whatever end it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland.v1.downloads_pb2 import Download
from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tests.server.conftest import until
from tests.server.downloads.fetching import MIB
from tests.server.downloads.place import Place
from tools.kill_downloads.killing import REPOSITORY, torment

LARGE = seeded(6 * MIB + 7)


@pytest.fixture(autouse=True)
def model(hub: FakeHub) -> None:
    hub.huggingface.add("o/one", {"model.gguf": LARGE, "config.json": b"{}"})


async def test_one_under_way_goes_on_after_a_restart(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.add(kinds.stall(after=2 * MIB), host="cdn")
    first = Place(hub, tmp_path)
    await first.start()
    begun = await first.begin("o/one", max_connections=1)
    await hub.until_stalled()
    await until(lambda: first.now(begun).downloaded_bytes >= MIB)
    await first.stop()
    hub.faults.clear()
    hub.release()

    second = Place(hub, tmp_path)
    await second.start()
    done = await second.reaches(begun, Download.COMPLETED)
    await second.stop()

    assert done.fetched_bytes <= done.total_bytes + MIB
    assert (tmp_path / "models" / "one" / "model.gguf").read_bytes() == LARGE.bytes()


async def test_one_that_is_paused_stays_so_and_knows_what_is_there(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.faults.add(kinds.stall(after=2 * MIB), host="cdn")
    first = Place(hub, tmp_path)
    await first.start()
    begun = await first.begin("o/one", max_connections=1)
    await hub.until_stalled()
    await until(lambda: first.now(begun).downloaded_bytes >= MIB)
    await first.stop()

    second = Place(hub, tmp_path)
    second.site.tools.bucket.rate = 1.0  # it comes to nothing more before it is paused
    await second.start()
    there = second.now(begun).downloaded_bytes
    await second.stop()

    assert there >= MIB


async def test_what_belongs_to_no_download_is_removed_at_the_start(
    hub: FakeHub, tmp_path: Path
) -> None:
    place = Place(hub, tmp_path)
    lost = tmp_path / "downloads" / "dl-lost"
    lost.mkdir(parents=True)
    (lost / "0.part").write_bytes(b"x")
    blob = tmp_path / "lost"
    blob.write_bytes(LARGE.bytes())
    place.site.blobs.adopt(blob, LARGE.sha256)

    await place.start()
    await place.stop()

    assert not lost.exists()
    assert place.site.blobs.find(LARGE.sha256) is None


async def test_kill_9_costs_at_most_the_parts_in_flight(hub: FakeHub, tmp_path: Path) -> None:
    hub.huggingface.add(REPOSITORY, {
        f"model-{number}.gguf": seeded(size * MIB + number, number)
        for number, size in enumerate((8, 4, 2))
    })  # fmt: skip
    hub.faults.add(kinds.rate(4 * MIB))

    cost = await torment(hub, tmp_path, kills=3, seed=1)

    assert cost.right
    assert cost.sent <= 1.05 * cost.size + cost.in_flight

"""Files come whole and right into the store, by no more bytes than they have."""

from __future__ import annotations

import hashlib
from pathlib import Path
from time import monotonic

import pytest

from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tests.server.conftest import until
from tests.server.downloads.fetching import MIB, Site, is_right, planned

LARGE = seeded(20 * MIB + 12345)


@pytest.fixture(autouse=True)
def model(hub: FakeHub) -> None:
    hub.huggingface.add("o/n", {"model.gguf": LARGE, "config.json": b'{"a": 1}', "empty": b""})


async def test_files_are_fetched_into_the_store(hub: FakeHub, site: Site) -> None:
    names = ("model.gguf", "config.json", "empty")
    transfer = await site.fetched(*(planned(hub, name) for name in names), connections=1)

    for name, file in zip(names, transfer.files, strict=True):
        assert is_right(site, hub, name)
        assert file.sha256 == planned(hub, name).sha256
    assert transfer.fetched == LARGE.length + 8
    assert list((site.home / "downloads" / "one").glob("*.part")) == []


async def test_many_connections_share_a_file(hub: FakeHub, site: Site) -> None:
    hub.faults.add(kinds.rate(4 * MIB))

    await site.fetched(planned(hub, "model.gguf"))

    asked = hub.requests.of("model.gguf", host="cdn")
    assert len(asked) > 2
    assert all(request.range for request in asked)
    assert is_right(site, hub, "model.gguf")


async def test_what_is_in_the_store_is_not_fetched_again(hub: FakeHub, site: Site) -> None:
    await site.fetched(planned(hub, "model.gguf"))
    hub.requests.clear()

    transfer = await site.fetched(planned(hub, "model.gguf"), name="two")

    assert len(hub.requests) == 0
    assert [(file.done, file.reused) for file in transfer.files] == [(True, True)]


@pytest.mark.parametrize("name", ["model.gguf", "config.json", "empty"])
@pytest.mark.parametrize("hashed", [True, False], ids=["hash", "no hash"])
async def test_a_file_of_which_the_list_tells_no_size_is_fetched(
    hub: FakeHub, site: Site, name: str, hashed: bool
) -> None:
    await site.fetched(planned(hub, name, sized=False, hashed=hashed))

    assert is_right(site, hub, name)


async def test_a_file_of_which_nobody_tells_the_size_is_fetched(hub: FakeHub, site: Site) -> None:
    hub.faults.add(kinds.ignores_range())
    hub.faults.add(kinds.chunked())

    await site.fetched(planned(hub, "config.json", sized=False))

    assert is_right(site, hub, "config.json")


async def test_a_hash_that_only_a_header_tells_is_checked(hub: FakeHub, site: Site) -> None:
    transfer = await site.fetched(planned(hub, "model.gguf", hashed=False))

    assert transfer.files[0].planned.sha256 == ""
    assert transfer.files[0].sha256 == LARGE.sha256
    linked = [asked for asked in hub.requests if asked.host == "huggingface"]
    assert len(linked) == 1  # its redirect is remembered


async def test_what_was_fetched_is_taken_up_by_the_next_transfer(hub: FakeHub, site: Site) -> None:
    hub.faults.add(kinds.stall(after=3 * MIB), host="cdn")
    first = site.transfer(planned(hub, "model.gguf"), connections=2)
    async with site.running(first) as running:
        await hub.until_stalled(2)
        await until(lambda: first.files[0].there >= 4 * MIB)
        running.cancel()
    there = first.files[0].there
    hub.faults.clear()
    hub.release()

    second = await site.fetched(planned(hub, "model.gguf"), connections=1)

    assert is_right(site, hub, "model.gguf")
    assert there >= 4 * MIB
    assert second.fetched == LARGE.length - there


async def test_a_damaged_journal_means_that_its_file_starts_over(hub: FakeHub, site: Site) -> None:
    folder = site.home / "downloads" / "one"
    hub.faults.add(kinds.stall(after=3 * MIB), host="cdn")
    first = site.transfer(planned(hub, "model.gguf"), connections=1)
    async with site.running(first) as running:
        await hub.until_stalled()
        await until(lambda: first.files[0].there > 0)
        running.cancel()
    hub.faults.clear()
    hub.release()
    (folder / "0.journal").write_bytes(b"FunlandJ" + bytes(5000))

    second = await site.fetched(planned(hub, "model.gguf"), connections=1)

    assert is_right(site, hub, "model.gguf")
    assert second.fetched == LARGE.length


async def test_bytes_that_the_disk_lost_are_found_by_their_hash(hub: FakeHub, site: Site) -> None:
    folder = site.home / "downloads" / "one"
    hub.faults.add(kinds.stall(after=3 * MIB), host="cdn")
    first = site.transfer(planned(hub, "model.gguf"), connections=1)
    async with site.running(first) as running:
        await hub.until_stalled()
        await until(lambda: first.files[0].there > 0)
        running.cancel()
    hub.faults.clear()
    hub.release()
    with (folder / "0.part").open("r+b") as file:
        file.write(b"lost")

    await site.fetched(planned(hub, "model.gguf"))

    assert is_right(site, hub, "model.gguf")


async def test_a_cap_on_the_bandwidth_holds_for_all_connections_together(
    hub: FakeHub, tmp_path: Path
) -> None:
    site = Site(tmp_path, rate=8 * MIB)
    transfer = site.transfer(planned(hub, "model.gguf"))
    start = monotonic()
    assert await transfer.run() is None
    seconds = monotonic() - start
    await site.close()

    assert seconds >= (LARGE.length - 16 * MIB) / (8 * MIB)
    assert hashlib.sha256(LARGE.bytes()).hexdigest() == transfer.files[0].sha256

"""Files come whole and right, whatever the line and the hub do."""

from __future__ import annotations

from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tests.server.downloads.fetching import Site, planned

MIB = 1024**2


async def test_files_are_fetched_into_the_store(hub: FakeHub, site: Site) -> None:
    large, small = seeded(40 * MIB + 12345), b'{"a": 1}'
    hub.huggingface.add("o/n", {"model.gguf": large, "config.json": small, "empty": b""})

    transfer = await site.fetched(
        planned(hub, "model.gguf"), planned(hub, "config.json"), planned(hub, "empty")
    )

    for file, content in zip(transfer.files, (large.bytes(), small, b""), strict=True):
        found = site.blobs.find(file.sha256)
        assert found is not None
        assert found.read_bytes() == content
    assert transfer.fetched == large.length + len(small)

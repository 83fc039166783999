"""Downloads in either database: all that is known of them comes back, and only to their home."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funland.v1.downloads_pb2 import Download, DownloadFile
from funland.v1.models_pb2 import Model, Origin
from funland_server.downloads.plan import Plan, PlannedFile
from funland_server.downloads.store import DownloadStore, Kept
from funland_server.storage.database import Database

PLAN = Plan(
    origin=Origin(hub=Origin.OLLAMA, model_id="qwen2.5", revision="sha256:1", variant="0.5b"),
    format=Model.GGUF,
    quantization="Q4_K_M",
    files=(
        PlannedFile(
            "模型.gguf", 5 * 10**10, "ab" * 32, "", ("https://a.example/x?y=%2F", "http://b")
        ),
        PlannedFile("config.json", None, "", "cd" * 20, ("https://a.example/c",)),
    ),
    model_id="qwen2.5-0.5b",
    reason="Größte, die passt.",
)


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    yield database
    await database.close()


def kept(download_id: str, arrival: int) -> Kept:
    download = Download(
        download_id=download_id, state=Download.PAUSED, files=[DownloadFile(path="模型.gguf")]
    )
    return Kept(download, PLAN, arrival)


async def test_what_is_kept_comes_back_in_order_of_arrival(database: Database) -> None:
    store = DownloadStore(database, "home")
    for arrival, name in ((2, "b"), (1, "a"), (3, "c")):
        await store.add(kept(name, arrival))

    assert await store.all() == [kept("a", 1), kept("b", 2), kept("c", 3)]


async def test_a_home_does_not_see_the_downloads_of_another(database: Database) -> None:
    await DownloadStore(database, "one").add(kept("a", 1))
    await DownloadStore(database, "two").add(kept("b", 1))

    assert await DownloadStore(database, "one").all() == [kept("a", 1)]


async def test_what_changes_is_written_and_what_is_removed_stays_so(database: Database) -> None:
    store = DownloadStore(database, "home")
    await store.add(kept("a", 1))
    changed = kept("a", 1)
    changed.download.state = Download.COMPLETED
    await store.save(changed.download)
    assert await store.all() == [changed]

    await store.remove("a")
    await store.save(changed.download)

    assert await store.all() == []

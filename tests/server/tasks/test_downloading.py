"""A task that is a download: it waits for its end, and ends it when nobody wants it any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funland.v1.downloads_pb2 import (
    Download,
    ListDownloadsRequest,
    StartDownloadRequest,
)
from funland.v1.tasks_pb2 import Lane, Task, Work
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.hubs import kinds
from tests.hubs.server import FakeHub
from tests.server.conftest import call
from tests.server.tasks import calls

NAME = "owner/tiny-GGUF"


@pytest.fixture
async def hub(model_path: Path) -> AsyncIterator[FakeHub]:
    async with FakeHub() as hub:
        hub.huggingface.add(NAME, {"tiny-Q8_0.gguf": model_path, "README.md": "# Tiny"})
        yield hub


@pytest.fixture
async def server(hub: FakeHub, tmp_path: Path) -> AsyncIterator[Server]:
    settings = ServerSettings(
        home=tmp_path / "home", port=0,
        huggingface_endpoint=hub.huggingface.url,
        allowed_private_hosts=("127.0.0.4",),  # its CDN
    )  # fmt: skip
    server = Server(settings)
    await server.start()
    yield server
    await server.stop(0)


def work(name: str = NAME) -> Work:
    return Work(download=StartDownloadRequest(source=f"huggingface:{name}"))


async def test_a_download_is_a_task_that_ends_with_it(server: Server) -> None:
    task = await calls.submit(server, work())

    done = await calls.ended(server, task.task_id)
    again = await calls.ended(server, (await calls.submit(server, work())).task_id)
    nobodys = await calls.submit(server, work("owner/none"))
    failed = await calls.ended(server, nobodys.task_id)

    assert (done.state, done.lane) == (Task.COMPLETED, Lane.DOWNLOADS)
    assert done.result.download.state == Download.COMPLETED
    assert done.progress_percent == 100
    assert again.state == Task.COMPLETED  # it is there already
    assert (failed.state, failed.error.code) == (Task.FAILED, "NOT_FOUND")


async def test_a_cancelled_task_ends_its_download(server: Server, hub: FakeHub) -> None:
    hub.faults.add(kinds.rate(200_000))
    task = await calls.submit(server, work())
    async for event in calls.watch(server, task.task_id):
        if event.task.progress_text == "DOWNLOADING":
            break

    cancelled = await calls.cancel(server, task.task_id)

    downloads = (await call(server, "ListDownloads", ListDownloadsRequest())).downloads
    assert cancelled.state == Task.CANCELLED
    assert [download.state for download in downloads] == [Download.CANCELLED]

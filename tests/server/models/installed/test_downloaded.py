"""A download over a hub's real protocol ends with a model that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.models_pb2 import DeleteModelRequest
from funland_server.downloads.plan import Installer, Plan
from tests.hubs.server import FakeHub
from tests.server.downloads.depot import Depot, Shelf
from tests.server.models.installed.conftest import Running
from tests.split_files import split

NAME = "owner/tiny"


@dataclass(slots=True)
class Installed(Shelf):
    """The repositories of a fake HuggingFace; models are the server's own."""

    installer: Installer | None = None

    async def install(
        self, plan: Plan, model_id: str, aliases: tuple[str, ...], blobs: Mapping[str, str]
    ) -> str:
        assert self.installer is not None
        return await self.installer.install(plan, model_id, aliases, blobs)

    def taken(self, model_id: str, aliases: tuple[str, ...], plan: Plan) -> str | None:
        assert self.installer is not None
        return self.installer.taken(model_id, aliases, plan)

    def has(self, plan: Plan) -> Path | None:
        assert self.installer is not None
        return self.installer.has(plan)


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub() as hub:
        yield hub


@pytest.fixture
async def place(running: Running, hub: FakeHub) -> AsyncIterator[Depot]:
    place = Depot(hub, running.folder)
    installing = running.models.installing
    place.shelf = Installed(running.folder / "models", place.site.blobs, installer=installing)
    await place.start()
    yield place
    await place.stop()


async def answers(running: Running) -> bool:
    ask = Message(role=Message.USER, content="Hello!")
    chat = ChatRequest(model=NAME, messages=[ask], sampling=SamplingParameters(max_tokens=3))
    return bool((await running.inference.Chat(chat)).usage.completion_tokens)


@pytest.mark.parametrize("parts", [1, 3])
async def test_it_is_pulled_and_answers_and_a_second_pull_fetches_nothing(
    running: Running, place: Depot, hub: FakeHub, model_path: Path, parts: int
) -> None:
    files = [model_path]
    if parts > 1:
        files = await asyncio.to_thread(split, model_path, running.folder, "tiny", parts)
    hub.huggingface.add(NAME, {file.name: file for file in files})

    done = await place.reaches(await place.begin(NAME), Download.COMPLETED)

    assert (done.model_id, done.verified) == ("tiny", True)
    assert await answers(running)
    hub.requests.clear()
    again = await place.reaches(await place.begin(NAME), Download.COMPLETED)
    assert (again.model_id, again.fetched_bytes, len(hub.requests)) == ("tiny", 0, 0)


async def test_a_deleted_model_is_pulled_anew(
    running: Running, place: Depot, hub: FakeHub, model_path: Path
) -> None:
    hub.huggingface.add(NAME, {"tiny.gguf": model_path})
    first = await place.reaches(await place.begin(NAME), Download.COMPLETED)

    await running.models_service.DeleteModel(DeleteModelRequest(model_id=NAME))
    again = await place.reaches(await place.begin(NAME), Download.COMPLETED)

    assert again.fetched_bytes == first.fetched_bytes > 0
    assert await answers(running)


async def test_what_is_no_model_fails_its_download_and_leaves_none(
    running: Running, place: Depot, hub: FakeHub
) -> None:
    hub.huggingface.add(NAME, {"tiny.gguf": b"<html>"})

    failed = await place.reaches(await place.begin(NAME), Download.FAILED)

    assert failed.error.reason == ErrorReason.MODEL_FILE_INVALID
    assert running.models.catalog.find(NAME) is None
    assert list((running.folder / "models").iterdir()) == []

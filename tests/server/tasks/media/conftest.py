"""A server that has models for what tasks do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from funland.v1.files_pb2 import (
    DownloadFileRequest,
    File,
    ListFilesRequest,
    UploadFileRequest,
)
from funland.v1.models_pb2 import ImportModelRequest
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import METHODS, call, streamed


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(home=tmp_path / "home", port=0, image_blocked_terms=("forbidden",))


@pytest.fixture
async def server(settings: ServerSettings, picture_model: Path) -> AsyncIterator[Server]:
    """One that has a model that paints."""
    server = Server(settings)
    await server.start()
    request = ImportModelRequest(path=str(picture_model), model_id="painter")
    await call(server, "ImportModel", request)
    yield server
    await server.stop(0)


def workers() -> list[psutil.Process]:
    """The processes of models that this process's servers have."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has ended
            if any("funland_worker" in word for word in child.cmdline()):
                found.append(child)
    return found


async def upload(server: Server, data: bytes) -> str:
    """The id of a file that a caller gives in."""

    async def parts() -> AsyncIterator[UploadFileRequest]:
        yield UploadFileRequest(name="given", data=data)

    file: Any = await server.channel.collect(METHODS["UploadFile"], parts(), (), None)
    return file.file_id


async def content(server: Server, file_id: str) -> bytes:
    """What a file has."""
    parts = streamed(server, "DownloadFile", DownloadFileRequest(file_id=file_id))
    return b"".join([part.data async for part in parts])


async def files(server: Server) -> list[File]:
    """All that are kept, the oldest first."""
    listed = await call(server, "ListFiles", ListFilesRequest(oldest_first=True))
    return list(listed.files)

"""The shared service, and models of a test's own in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from funland.v1.models_pb2 import DeleteModelRequest, ImportModelRequest, Model
from tests.faults.service import Service, unharmed

if TYPE_CHECKING:
    from tests.conftest import Stack

Install = Callable[[str, bytes], Awaitable[Model]]


@pytest.fixture
async def service(stack: Stack) -> AsyncIterator[Service]:
    """The service of all tests; whatever a test did to it, it answers afterwards."""
    async with unharmed(stack) as service:
        yield service


@pytest.fixture
async def install(service: Service, tmp_path: Path) -> AsyncIterator[Install]:
    """Installs a file under an id until the test is over: `await install("copy", content)`."""
    installed: list[str] = []

    async def add(model_id: str, content: bytes) -> Model:
        path = tmp_path / f"{model_id}.gguf"
        path.write_bytes(content)
        request = ImportModelRequest(path=str(path), model_id=model_id)
        model = await service.models.ImportModel(request)
        installed.append(model_id)
        return model

    yield add
    for model_id in installed:
        await service.models.DeleteModel(DeleteModelRequest(model_id=model_id))

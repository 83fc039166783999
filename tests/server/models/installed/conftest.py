"""The domains that a model goes through, without the server around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from funland_server.config import ServerSettings
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.downloads.plan import Plan
from funland_server.inference.domain import Inference
from funland_server.inference.service import InferenceService
from funland_server.live import Live
from funland_server.mcp.domain import Mcp
from funland_server.mcp.settings import McpSettings
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.models.service import ModelService
from funland_server.web.fetching import Web
from funland_server.web.policy import WebPolicy
from tests.server.home_files import files_of


@dataclass
class Running:
    """The domains that a model goes through, as in a server."""

    models: Models
    models_service: ModelService
    inference: InferenceService
    folder: Path

    async def install(self, plan: Plan, files: Mapping[str, bytes]) -> str:
        """As a download does when all files are there."""
        for file in plan.files:
            partial = self.folder / "partial"
            await asyncio.to_thread(partial.write_bytes, files[file.path])
            await asyncio.to_thread(self.models.blobs.adopt, partial, file.sha256)
        digests = {file.path: file.sha256 for file in plan.files}
        return await self.models.installing.install(plan, plan.model_id, (), digests)


@pytest.fixture
async def running(settings: ServerSettings) -> AsyncIterator[Running]:
    metrics = Metrics()
    devices = Devices(settings, metrics, ())
    models = Models(
        Live(settings),
        metrics,
        devices,
        Accelerations(settings.home, devices),
        files=files_of(settings),
    )
    await devices.start()
    await models.start()
    web = Web(Live(WebPolicy()))
    mcp = Mcp(McpSettings(), Live(settings))
    inference = Inference(Live(settings), models, Metrics(), mcp, files=files_of(settings), web=web)
    await inference.start()
    ((_, service),) = models.services()
    assert isinstance(service, ModelService)
    yield Running(models, service, inference.service, settings.home)
    models.announce_stop()
    await models.stop()
    await devices.stop()
    await web.close()

"""Specs of several workers of one model."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland_server.config import ServerSettings
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from tests.server.home_files import files_of

ID = "funland-tiny"
KEY = "deploy_1/0"


@pytest.fixture
async def models(settings: ServerSettings) -> AsyncIterator[Models]:
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
    yield models
    await models.stop()
    await devices.stop()


async def test_an_instance_is_loaded_beside_the_model_s_own_worker(
    models: Models, settings: ServerSettings
) -> None:
    model = models.catalog.get(ID)
    wanted = LoadSettings(slots=2)
    make = models.loader.instance(model, KEY, wanted)
    changes = models.instances.watch()
    await anext(changes)
    own = await models.loader.worker(ID)

    worker = await models.pool.load(make, ID, wanted, KEY)

    assert (worker.model_id, worker.ready.slots) == (ID, 2)
    assert models.pool.worker(ID) not in (None, worker)
    assert own.ready.slots == settings.slots
    assert await anext(changes) == KEY
    folder = settings.home / "prefixes" / ID / KEY
    assert folder.is_dir()
    await changes.aclose()

    await models.loader.forget_instance(ID, KEY)

    assert models.pool.worker(KEY) is None
    assert not folder.exists()

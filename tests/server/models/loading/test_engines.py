"""The server knows of engines what the worker does."""

from __future__ import annotations

import pytest

from funland.v1.models_pb2 import LoadSettings, Model
from funland_server.config import ServerSettings
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.models.loading.engines import READERS, installed_engines
from funland_worker.engines.choice import choose
from funland_worker.engines.protocol import EngineError
from tests.server.home_files import files_of


# Networks of ONNX speak or hear alone: their loaders choose by what a folder has.
@pytest.mark.parametrize("model_format", [one for one in READERS if one != Model.ONNX])
def test_formats_are_read_by_the_engines_that_the_worker_takes(
    model_format: Model.Format.ValueType,
) -> None:
    readers = READERS[model_format]

    assert choose(model_format, LoadSettings()) == readers[0]
    for engine in LoadSettings.Engine.values():
        if engine in readers:
            assert choose(model_format, LoadSettings(engine=engine)) == engine
        elif engine != LoadSettings.ENGINE_UNSPECIFIED:
            with pytest.raises(EngineError):
                choose(model_format, LoadSettings(engine=engine))


def test_every_format_has_its_engines() -> None:
    assert set(READERS) | {Model.FORMAT_UNSPECIFIED} == set(Model.Format.values())


async def test_a_server_tells_what_a_load_would_have(settings: ServerSettings) -> None:
    metrics = Metrics()
    devices = Devices(settings, metrics, ())
    models = Models(
        Live(settings),
        metrics,
        devices,
        Accelerations(settings.home, devices),
        files=files_of(settings),
    )
    await models.start()

    machine = models.loader.machine()

    await models.stop()
    assert machine.engines == installed_engines()
    assert LoadSettings.LLAMA_CPP in machine.engines
    assert (machine.slots, machine.max_context_length) == (4, 256)
    assert machine.available_bytes > 0

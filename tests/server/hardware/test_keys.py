"""What tells a benchmark from another."""

from __future__ import annotations

import pytest

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland_server.hardware.keys import identity
from funland_server.models.loading.engines import engine_version
from tests.server.hardware.machines import cpu, gpu


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(gpu(), gpu(device_id="gpu_7"), True, id="the same card under another number"),
        pytest.param(gpu(), gpu(uuid="GPU-9"), False, id="another card in the same place"),
        pytest.param(gpu(0, uuid=""), gpu(1, uuid=""), False, id="two cards alike"),
        pytest.param(gpu(uuid=""), gpu(uuid="", name="Another"), False, id="a new card, no uuid"),
        pytest.param(gpu(), gpu(driver_version="2"), True, id="a driver is no device"),
        pytest.param(cpu(4), cpu(4), True, id="the same CPU"),
        pytest.param(cpu(4), cpu(1), False, id="less of the same CPU"),
    ],
)
def test_identity(one: Device, other: Device, same: bool) -> None:
    assert (identity(one) == identity(other)) is same


def test_the_versions_of_engines_are_those_of_their_packages() -> None:
    assert engine_version(LoadSettings.LLAMA_CPP)[0].isdecimal()
    assert engine_version(LoadSettings.ENGINE_UNSPECIFIED) == ""

"""What is run for a benchmark, and that figures are never those of another device."""

from __future__ import annotations

import pytest

from funland.v1.hardware_pb2 import Device, DeviceEngine
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import Ready
from funland_server.devices.errors import DeviceUnavailableError
from funland_server.hardware.choosing import engine_for, is_there, load_settings
from funland_server.hardware.keys import Engine
from tests.server.hardware.machines import LLAMA, OPENVINO, cpu, gpu

ANY = LoadSettings.ENGINE_UNSPECIFIED
READERS = (LLAMA, OPENVINO)


@pytest.mark.parametrize(
    ("device", "wanted", "readers", "expected"),
    [
        (cpu(), ANY, READERS, LLAMA),
        (cpu(), OPENVINO, READERS, OPENVINO),
        (cpu(), ANY, (OPENVINO,), OPENVINO),
        (gpu(), ANY, READERS, LLAMA),
        # It can't read the model; the load says why.
        (cpu(), LLAMA, (OPENVINO,), LLAMA),
    ],
)
def test_the_engine(
    device: Device, wanted: Engine, readers: tuple[Engine, ...], expected: Engine
) -> None:
    assert engine_for(device, wanted, readers) == expected


@pytest.mark.parametrize(
    ("device", "wanted", "why"),
    [
        (gpu(state=Device.UNAVAILABLE, state_reason="it is gone."), ANY, "it is gone."),
        (gpu(state=Device.UNSUPPORTED), ANY, "no engine that is installed computes on it."),
        (gpu(), OPENVINO, "OpenVINO does not compute on it."),
        (gpu(engines=[DeviceEngine(engine=LoadSettings.CTRANSLATE2)]), ANY,
         "no engine there reads the model."),
    ],
)  # fmt: skip
def test_a_device_without_an_engine_for_it_is_refused(
    device: Device, wanted: Engine, why: str
) -> None:
    with pytest.raises(DeviceUnavailableError) as raised:
        engine_for(device, wanted, READERS)

    assert raised.value.message == f"Device 'gpu_0' can't be computed on: {why}"


@pytest.mark.parametrize(("context", "expected"), [(0, 1024), (256, 256), (32768, 1024)])
def test_the_load_is_on_that_device_alone(context: int, expected: int) -> None:
    settings = load_settings(gpu(1), LLAMA, context)

    assert settings.device_ids == ["gpu_1"]
    assert settings.HasField("fallback_to_cpu")
    assert not settings.fallback_to_cpu
    assert (settings.slots, settings.context_length) == (8, expected)


@pytest.mark.parametrize(
    ("device", "ready", "expected"),
    [
        (cpu(), Ready(engine=LLAMA, device="CPU"), True),
        (gpu(), Ready(engine=LLAMA, device="CUDA0"), True),
        (gpu(), Ready(engine=LLAMA, device="CUDA0, CPU"), True),
        (gpu(), Ready(engine=LLAMA, device="CPU"), False),
        (gpu(), Ready(engine=LLAMA, device="CUDA01"), False),
        (gpu(), Ready(engine=OPENVINO, device="CUDA0"), False),
        (gpu(), Ready(engine=LLAMA), False),
    ],
)
def test_whether_the_model_is_on_the_device(device: Device, ready: Ready, expected: bool) -> None:
    assert is_there(device, ready) is expected

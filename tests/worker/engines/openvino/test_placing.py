"""Where OpenVINO is told to compute, and what it keeps of it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import openvino
import pytest

from funland.v1.hardware_pb2 import Acceleration
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import Launch, LaunchDevice
from funland_worker.engines.choice import load
from funland_worker.engines.openvino.library import check_device
from funland_worker.engines.openvino.placing import (
    config,
    device_of,
    keep_compiled,
    kind_of,
    prompt_limit,
)
from funland_worker.engines.protocol import EngineError
from tests.conformance.conftest import GREEDY, Driver, chat


def launch(*names: str, **more: object) -> Launch:
    devices = [LaunchDevice(device_id=f"gpu_{n}", name=name) for n, name in enumerate(names)]
    return Launch(devices=devices, **more)  # type: ignore[arg-type]  # fields of it


@pytest.mark.parametrize(
    ("launch", "device", "kind"),
    [
        (Launch(), "CPU", "CPU"),
        (Launch(settings=LoadSettings(device="AUTO:CPU")), "AUTO:CPU", "CPU"),
        (launch("GPU"), "GPU", "GPU"),
        (launch("GPU.1"), "GPU.1", "GPU"),
        (launch("NPU"), "NPU", "NPU"),
        (launch("GPU.1", "GPU.0", "CPU"), "HETERO:GPU.1,GPU.0,CPU", "GPU"),
        (launch("NPU", "CPU"), "HETERO:NPU,CPU", "NPU"),
    ],
)
def test_devices_are_named_as_openvino_does(launch: Launch, device: str, kind: str) -> None:
    assert device_of(launch) == device
    assert kind_of(device) == kind


@pytest.mark.parametrize(
    ("device", "mode", "folder", "told"),
    [
        ("CPU", Acceleration.PERFORMANCE, "/c",
         {"INFERENCE_NUM_THREADS": 3, "INFERENCE_PRECISION_HINT": "f32"}),
        ("GPU.1", Acceleration.POWER_SAVING, "/c", {"CACHE_DIR": "/c"}),
        ("GPU", Acceleration.BALANCED, "", {}),
        ("NPU", Acceleration.PERFORMANCE, "", {"NPU_TURBO": "YES"}),
        ("NPU", Acceleration.POWER_SAVING, "/c",
         {"WORKLOAD_TYPE": "EFFICIENT", "CACHE_DIR": "/c"}),
        ("NPU", Acceleration.BALANCED, "", {}),
    ],
)  # fmt: skip
def test_each_device_is_told_its_own(
    device: str, mode: Acceleration.PowerMode.ValueType, folder: str, told: dict[str, object]
) -> None:
    assert config(Launch(npu_power_mode=mode, compile_folder=folder), device, 3) == told


def test_the_shortest_limit_of_all_devices_counts() -> None:
    one, other = LaunchDevice(name="NPU", max_prompt_tokens=1024), LaunchDevice(name="CPU")

    assert prompt_limit(Launch(devices=[one, other]), 4096) == 1024
    assert prompt_limit(Launch(devices=[one, other]), 512) == 512
    assert prompt_limit(Launch(devices=[other]), 4096) == 4096


def test_what_other_drivers_left_for_a_device_is_removed(tmp_path: Path) -> None:
    for name in ("GPU.0-1-a-b", "GPU.0-2-a-b", "GPU.1-1-a-b", "NPU-1-a-b"):
        (tmp_path / name).mkdir()

    keep_compiled(Launch(compile_folder=str(tmp_path / "GPU.0-3-a-b")))

    assert {one.name for one in tmp_path.iterdir()} == {"GPU.0-3-a-b", "GPU.1-1-a-b", "NPU-1-a-b"}


@pytest.mark.parametrize("device", ["HETERO:CPU", "AUTO:CPU"])
def test_several_devices_in_one_write_the_same(tmp_path: Path, device: str) -> None:
    path = Path(str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"))

    def text(device: str) -> str:
        settings = LoadSettings(
            engine=LoadSettings.OPENVINO, device=device, slots=1, context_length=256, threads=1
        )
        made = load(
            Launch(
                model_path=str(path),
                settings=settings,
                max_context_length=256,
                model_sha256="0" * 64,
                conversion_folder=str(tmp_path / "conversions"),
                compile_folder=str(tmp_path / "compiled" / "CPU-1"),
            )
        )
        assert made.engine.device == device
        return Driver(made.engine).complete(chat("Hello!"), GREEDY)[0]

    assert text(device) == text("CPU")
    assert [*(tmp_path / "compiled" / "CPU-1").iterdir()], "nothing was kept"


def test_one_of_several_that_is_not_there_is_named() -> None:
    core = openvino.Core()
    check_device(core, "HETERO:CPU")

    with pytest.raises(EngineError) as raised:
        check_device(core, "HETERO:NPU,CPU")

    assert raised.value.metadata["device"] == "NPU"


@pytest.mark.parametrize(
    ("engine", "settings"),
    [
        (engine, settings)
        for engine in (LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2)
        for settings in (
            LoadSettings(key_type=LoadSettings.Q8_0),
            LoadSettings(value_type=LoadSettings.F32),
            LoadSettings(flash_attention=False),
        )
    ]
    + [(LoadSettings.CTRANSLATE2, LoadSettings(cache_tokens=256))],
)
def test_what_other_engines_alone_can_be_told_is_refused(
    engine: LoadSettings.Engine.ValueType, settings: LoadSettings
) -> None:
    (field,) = [described.name for described, _ in settings.ListFields()]
    wanted = LoadSettings(engine=engine)
    wanted.MergeFrom(settings)

    with pytest.raises(EngineError) as raised:
        load(Launch(settings=wanted))

    assert raised.value.metadata["feature"] == field

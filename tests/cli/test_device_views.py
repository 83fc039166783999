"""What people are told of devices."""

from __future__ import annotations

import pytest

from funland.v1.hardware_pb2 import Acceleration, Device, DeviceEngine, DeviceMetrics
from funland.v1.models_pb2 import LoadSettings
from funland_cli.device_use import as_it_is
from funland_cli.device_views import (
    acceleration,
    all_of,
    bar,
    memory,
    power,
    remarks,
    row,
    sparkline,
)

GPU = Device(
    device_id="gpu_0",
    kind=Device.GPU,
    state=Device.AVAILABLE,
    name="A GPU",
    engines=[
        DeviceEngine(engine=LoadSettings.LLAMA_CPP, name="CUDA0", backend="CUDA"),
        DeviceEngine(engine=LoadSettings.CTRANSLATE2, name="cuda:0"),
    ],
    metrics=DeviceMetrics(
        utilization_percent=42.4,
        memory_used_bytes=3 * 10**9,
        memory_total_bytes=10**10,
        temperature_celsius=61,
        power_watts=87,
        power_limit_watts=350,
    ),
)
NPU = Device(
    device_id="npu_0", kind=Device.NPU, state=Device.UNSUPPORTED, name="An NPU",
    state_reason="OpenVINO is not installed.",
)  # fmt: skip


def test_a_device_is_a_row() -> None:
    assert row(GPU) == (
        *("gpu_0", "A GPU", "llama.cpp (CUDA), CTranslate2"),
        *("███······· 3.0 GB of 10.0 GB", "42 %", "61 °C", "87 of 350 W"),
    )


def test_what_can_not_be_read_is_empty_and_why_a_device_is_of_no_use_is_said() -> None:
    assert row(NPU) == ("npu_0", "An NPU", "unsupported", "", "", "", "")
    assert list(remarks([GPU, NPU])) == ["npu_0: OpenVINO is not installed."]


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        (DeviceMetrics(), ""),
        (DeviceMetrics(memory_total_bytes=10**9), "1.0 GB"),
        (DeviceMetrics(memory_total_bytes=10**9, memory_used_bytes=0), "·········· 0 B of 1.0 GB"),
        (DeviceMetrics(memory_total_bytes=0, memory_used_bytes=0), "·········· 0 B of "),
    ],
)
def test_memory(metrics: DeviceMetrics, told: str) -> None:
    assert memory(metrics) == told


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0, "··········"), (0.05, "▌·········"), (0.5, "█████·····"), (1, "██████████"),
     (7, "██████████"), (-1, "··········")],
)  # fmt: skip
def test_a_bar(share: float, drawn: str) -> None:
    assert bar(share) == drawn


def test_power_without_a_limit() -> None:
    assert power(DeviceMetrics(power_watts=4.4)) == "4 W"


def test_the_past_is_drawn_from_the_oldest_on() -> None:
    history = [DeviceMetrics(utilization_percent=each) for each in (100.0, 50.0)]
    told = dict(all_of(GPU, [*history, DeviceMetrics()]))

    assert sparkline([0, 50, 100, 900]) == "▁▅██"
    assert told["use before"] == "▅█"
    assert told["computed by"] == "llama.cpp as CUDA0, CTranslate2 as cuda:0"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (
            Acceleration(mode=Acceleration.AUTOMATIC),
            {"primary_device_id": "", "secondary_device_ids": [], "mode": "automatic"},
        ),
        (
            Acceleration(
                primary_device_id="gpu_0", secondary_device_ids=["gpu_1"],
                mode=Acceleration.HYBRID, cpu_threads=4, gpu_memory_fraction=0.5,
                npu_power_mode=Acceleration.POWER_SAVING, fallback_to_cpu=True,
                effective_device_ids=["gpu_0"],
            ),
            {"primary_device_id": "gpu_0", "secondary_device_ids": ["gpu_1"], "mode": "hybrid",
             "cpu_threads": 4, "gpu_memory_fraction": 0.5, "npu_power_mode": "power_saving",
             "fallback_to_cpu": True},
        ),
    ],
    ids=["defaults", "all"],
)  # fmt: skip
def test_what_is_not_named_stays_as_it_is(now: Acceleration, expected: dict[str, object]) -> None:
    assert as_it_is(now) == {"fallback_to_cpu": False} | expected


def test_a_primary_device_that_can_t_be_computed_on_is_said_so() -> None:
    told = dict(acceleration(Acceleration(primary_device_id="gpu_1")))

    assert told["so now"] == "nothing: gpu_1 is not there, or not available"

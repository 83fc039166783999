from __future__ import annotations

import pytest

from funland.v1.deployments_pb2 import VllmSettings
from funland.v1.hardware_pb2 import Device
from funland_server.vllm.resources import cache_bytes, device_ids

GIB = 1024**3


@pytest.mark.parametrize(
    ("settings", "length", "a_token", "available", "expected"),
    [
        (VllmSettings(), 1024, 1000, 100 * GIB, 32 * 1024 * 1000),
        (VllmSettings(max_num_seqs=2), 1024, 1000, 100 * GIB, 2 * 1024 * 1000),
        (VllmSettings(max_model_len=100), 1024, 1000, 100 * GIB, 32 * 100 * 1000),
        (VllmSettings(), 131_072, 100_000, 100 * GIB, 4 * GIB),
        (VllmSettings(), 131_072, 100_000, 8 * GIB, 2 * GIB),
        (VllmSettings(), 0, 0, 100 * GIB, 4 * GIB),
        (VllmSettings(gpu_memory_utilization=0.5), 1024, 1000, 100 * GIB, None),
    ],
)
def test_keys_and_values_get_what_calls_need_and_leave_the_rest(
    settings: VllmSettings, length: int, a_token: int, available: int, expected: int | None
) -> None:
    told = cache_bytes(
        settings,
        slots=32,
        context_length=length,
        bytes_per_token=a_token,
        available_bytes=available,
    )

    assert told == expected


DEVICES = [
    Device(device_id="cpu_0", kind=Device.CPU),
    Device(device_id="gpu_0", kind=Device.GPU, vendor="Intel"),
    Device(device_id="gpu_1", kind=Device.GPU, vendor="NVIDIA"),
    Device(device_id="gpu_2", kind=Device.GPU, vendor="NVIDIA"),
]


@pytest.mark.parametrize(
    ("on_cpu", "gpus", "elsewhere", "expected"),
    [
        (True, 1, False, ("cpu_0",)),
        (True, 1, True, ("cpu_0",)),
        (False, 1, False, ("gpu_1",)),
        (False, 2, False, ("gpu_1", "gpu_2")),
        (False, 2, True, ()),
    ],
)
def test_it_is_told_where_it_computes(
    on_cpu: bool, gpus: int, elsewhere: bool, expected: tuple[str, ...]
) -> None:
    told = device_ids(DEVICES, on_cpu=on_cpu, gpus=gpus, chosen_elsewhere=elsewhere)

    assert told == expected

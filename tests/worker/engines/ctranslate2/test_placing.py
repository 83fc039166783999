"""Where CTranslate2 is told to compute, and with which numbers."""

from __future__ import annotations

from typing import Any

import ctranslate2
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import Launch, LaunchDevice
from funland_worker.engines.ctranslate2.placing import Spot, compute_type, spot_of
from funland_worker.engines.protocol import EngineError

PACKAGE: Any = ctranslate2


def launch(*names: str) -> Launch:
    return Launch(devices=[LaunchDevice(name=name) for name in names])


@pytest.mark.parametrize("launch", [Launch(), launch("cpu")])
def test_the_cpu_computes_with_the_model_s_own_numbers(launch: Launch) -> None:
    assert spot_of(launch, PACKAGE) == Spot("CPU", "cpu", 0, "default")


@pytest.mark.skipif(PACKAGE.get_cuda_device_count() > 0, reason="there are such devices here")
def test_a_device_that_cuda_has_not_is_unavailable() -> None:
    with pytest.raises(EngineError) as raised:
        spot_of(launch("cuda:1"), PACKAGE)

    assert raised.value.reason == ErrorReason.ENGINE_UNAVAILABLE
    assert raised.value.metadata == {"engine": "CTRANSLATE2", "device": "cuda:1"}


def test_several_devices_are_refused() -> None:
    with pytest.raises(EngineError) as raised:
        spot_of(launch("cuda:0", "cuda:1"), PACKAGE)

    assert raised.value.metadata["feature"] == "several devices"


@pytest.mark.parametrize(
    ("types", "chosen"),
    [
        ({"float32", "int8", "int8_float32", "int8_float16", "float16"}, "int8_float16"),
        ({"float32", "int8_bfloat16", "bfloat16"}, "int8_bfloat16"),
        ({"float32", "float16"}, "float16"),
        ({"float32"}, "default"),
    ],
)
def test_the_first_numbers_that_a_device_has_are_taken(types: set[str], chosen: str) -> None:
    assert compute_type(types) == chosen

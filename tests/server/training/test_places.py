"""What can compute a run here, and where: pure functions."""

from __future__ import annotations

import pytest

from funland.v1.hardware_pb2 import Device
from funland_server.training.places import (
    Installed,
    Place,
    Refusal,
    chosen,
    installed,
    lacking,
    places,
)

NOTHING = Installed()
ON_THE_CPU = Installed(torch=True, bitsandbytes=True)
ALL = Installed(torch=True, cuda=True, bitsandbytes=True)
CPU = Device(device_id="cpu_0", kind=Device.CPU)
NVIDIA = Device(device_id="gpu_0", kind=Device.GPU, vendor="NVIDIA", uuid="GPU-1")
SECOND = Device(device_id="gpu_1", kind=Device.GPU, vendor="NVIDIA", uuid="GPU-2")
GONE = Device(
    device_id="gpu_2", kind=Device.GPU, vendor="NVIDIA", uuid="GPU-3",
    state=Device.UNAVAILABLE, state_reason="it was pulled out",
)  # fmt: skip
INTEL = Device(device_id="gpu_3", kind=Device.GPU, vendor="Intel", uuid="a")
NPU = Device(device_id="npu_0", kind=Device.NPU, vendor="Intel")
EVERY = [CPU, NVIDIA, SECOND, GONE, INTEL, NPU]


@pytest.mark.parametrize(
    ("template_id", "here", "expected"),
    [
        ("lora", NOTHING, ["numpy cpu_0"]),
        ("lora", ON_THE_CPU, ["numpy cpu_0", "torch cpu_0"]),
        ("lora", ALL, ["numpy cpu_0", "torch gpu_0", "torch gpu_1", "torch cpu_0"]),
        ("full", NOTHING, []),
        ("full", Installed(torch=True), ["torch cpu_0"]),
        ("full", ALL, ["torch gpu_0", "torch gpu_1", "torch cpu_0"]),
        ("qlora", Installed(torch=True, cuda=True), []),
        ("qlora", ALL, ["torch gpu_0", "torch gpu_1", "torch cpu_0"]),
    ],
)
def test_places_follow_from_what_is_installed_and_found(
    template_id: str, here: Installed, expected: list[str]
) -> None:
    found = places(template_id, here, EVERY)

    assert [f"{one.backend} {one.device_id}" for one in found] == expected
    assert bool(lacking(template_id, here)) == (not found)


@pytest.mark.parametrize(
    ("asked", "here", "expected"),
    [
        (("lora", "", ""), ALL, Place("numpy", "cpu_0")),
        (("lora", "", "cpu_0"), ALL, Place("numpy", "cpu_0")),
        (("lora", "", "gpu_1"), ALL, Place("torch", "gpu_1", "GPU-2")),
        (("lora", "torch", ""), ALL, Place("torch", "gpu_0", "GPU-1")),
        (("lora", "torch", "cpu_0"), ALL, Place("torch", "cpu_0", "cpu")),
        (("lora", "torch", ""), ON_THE_CPU, Place("torch", "cpu_0", "cpu")),
        (("full", "", ""), ON_THE_CPU, Place("torch", "cpu_0", "cpu")),
        (("full", "", ""), ALL, Place("torch", "gpu_0", "GPU-1")),
        (("qlora", "torch", "gpu_0"), ALL, Place("torch", "gpu_0", "GPU-1")),
    ],
)
def test_what_is_left_open_is_chosen(
    asked: tuple[str, str, str], here: Installed, expected: Place
) -> None:
    found = chosen(*asked, here, EVERY)

    assert found == expected
    assert isinstance(found, Place)
    assert found.on_gpu == found.device_id.startswith("gpu")


@pytest.mark.parametrize(
    ("asked", "here", "field", "why"),
    [
        (("full", "numpy", ""), ALL, "backend", "must be 'torch' for the template 'full'"),
        (("lora", "numpy", "gpu_0"), ALL, "device_id", "must be the CPU's"),
        (("lora", "torch", ""), NOTHING, "", "install `funland[training]`"),
        (("lora", "", "gpu_0"), NOTHING, "", "install `funland[training]`"),
        (("qlora", "", ""), Installed(torch=True), "", "bitsandbytes"),
        (("full", "", "gpu_0"), ON_THE_CPU, "", "without CUDA"),
        (("full", "", "gpu_2"), ALL, "", "it was pulled out"),
        (("full", "", "gpu_3"), ALL, "", "gpu_3 is no GPU of NVIDIA's"),
        (("full", "", "npu_0"), ALL, "", "npu_0 is no GPU"),
    ],
)
def test_what_cant_be_says_why(
    asked: tuple[str, str, str], here: Installed, field: str, why: str
) -> None:
    found = chosen(*asked, here, EVERY)

    assert isinstance(found, Refusal)
    assert found.field == field
    assert why in found.why


def test_a_template_that_there_is_not_names_those_that_are() -> None:
    assert "lora, qlora, full" in lacking("lorra", ALL)


def test_what_is_installed_is_looked_up_and_not_imported() -> None:
    import sys  # noqa: PLC0415 - what is looked at is what this leaves there

    before = {"torch", "bitsandbytes"} & sys.modules.keys()
    installed()
    assert {"torch", "bitsandbytes"} & sys.modules.keys() == before

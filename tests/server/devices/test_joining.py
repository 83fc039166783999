"""What readers and engines tell of the same device comes together, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from funland.v1.hardware_pb2 import AcceleratorDetails, Device, DeviceMetrics
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.joining import joined, merged
from funland_server.devices.readers.protocol import Found
from tests.server.devices.making import NPU, card, cpu, engine, npu, part

OPENVINO, CTRANSLATE2 = LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2
A, B = "0000:01:00.0", "0000:21:00.0"
NONE: list[list[str]] = []
DIVIDED = card(A, "GPU-aa", obstacle="divided")


@pytest.mark.parametrize(
    ("system", "engines", "expected"),
    [
        pytest.param([], [], NONE, id="nothing"),
        pytest.param([card(A)], [], [list[str]()], id="no engine"),
        pytest.param([], [engine("Vulkan0")], [["Vulkan0"]], id="only an engine knows it"),
        pytest.param(
            [card(A), card(B)], [engine("CUDA0", pci_address=B)], [[], ["CUDA0"]], id="by place"
        ),
        pytest.param(
            [card(A, "GPU-1a2b-3c"), card(B, "GPU-99")],
            [engine("Vulkan1", uuid="1A2B3C"), engine("cuda:0", CTRANSLATE2, uuid="gpu-99")],
            [["Vulkan1"], ["cuda:0"]], id="by uuid, however it is written",
        ),
        pytest.param(
            [card(A, "GPU-aa"), card(B, "GPU-bb")],
            [engine("CUDA0", uuid="GPU-bb", pci_address=A)],
            [[], ["CUDA0"]], id="the uuid goes before the place",
        ),
        pytest.param(
            [card(A)], [engine("GPU", OPENVINO, name="CARD (R) (dGPU)")],
            [["GPU"]], id="by name",
        ),
        pytest.param(
            [card(A), card(B)], [engine("cuda:0", CTRANSLATE2, name="Card")],
            [[], [], ["cuda:0"]], id="one of two of a name can't be told",
        ),
        pytest.param(
            [card(A)], [engine("Vulkan0", pci_address=A), engine("Vulkan1", name="Card")],
            [["Vulkan0"], ["Vulkan1"]], id="an engine has one name for a device",
        ),
        pytest.param(
            [card(A)], [engine("CUDA0", pci_address=B)], [[], ["CUDA0"]], id="another place"
        ),
        pytest.param(
            [DIVIDED, part("MIG-1", "GPU-aa", A), part("MIG-2", "GPU-aa", A)],
            [
                engine("CUDA0", uuid="MIG-2", pci_address=A),
                engine("cuda:0", CTRANSLATE2, pci_address=A),
            ],
            [[], [], ["CUDA0"]], id="a slice by its uuid, never by the card's place",
        ),
        pytest.param(
            [DIVIDED, part("MIG-1", "GPU-aa", A)], [engine("CUDA0", pci_address=A)],
            [[], ["CUDA0"]], id="the only slice of a card",
        ),
        pytest.param(
            [card(A), npu("0000:00:0b.0")],
            [engine("NPU", OPENVINO, NPU, name="Intel(R) AI Boost")],
            [[], ["NPU"]], id="the only NPU",
        ),
        pytest.param(
            [cpu()], [engine("CPU", OPENVINO, Device.CPU, name="whatever")],
            [["CPU", "CPU"]], id="the only CPU",
        ),
        pytest.param(
            [card(A)],
            [
                engine("Vulkan0", pci_address=A, backend="Vulkan"),
                engine("GPU.0", OPENVINO, pci_address=A),
                engine("CUDA0", pci_address=A, backend="CUDA"),
            ],
            [["CUDA0", "Vulkan0", "GPU.0"]], id="the preferred way first",
        ),
        pytest.param(
            [],
            [
                engine("Vulkan0", name="llvmpipe", uuid="ab-cd", emulated=True),
                engine("GPU", OPENVINO, name="other", uuid="abcd"),
            ],
            [["Vulkan0", "GPU"]], id="two engines know what the system does not",
        ),
    ],
)  # fmt: skip
def test_devices_are_joined(
    system: Sequence[Found], engines: Sequence[Found], expected: list[list[str]]
) -> None:
    devices = joined({"nvidia": system, "engines": engines})

    assert [[each.name for each in merged(device).engines] for device in devices] == expected


def whole(looks: Mapping[str, Sequence[Found]]) -> Device:
    (device,) = joined(looks)
    return merged(device)


def test_what_the_system_tells_goes_before_what_an_engine_does() -> None:
    told = card(A, "GPU-aa")
    told.device.driver_version = "580"
    told.device.metrics.memory_total_bytes = 24
    engines = engine(
        "CUDA0", pci_address=A, name="other", uuid="bb", driver_version="1", architecture="sm_89",
        metrics=DeviceMetrics(memory_total_bytes=20),
    )  # fmt: skip

    device = whole({"nvidia": [told], "engines": [engines]})

    assert (device.name, device.uuid, device.driver_version) == ("Card", "GPU-aa", "580")
    assert (device.architecture, device.metrics.memory_total_bytes) == ("sm_89", 24)


def test_an_engine_tells_what_the_system_does_not() -> None:
    engines = engine(
        "NPU", OPENVINO, NPU, name="Intel(R) AI Boost", driver_version="1.17",
        accelerator=AcceleratorDetails(number_types=["INT8", "FP16"], max_prompt_tokens=1024),
    )  # fmt: skip

    device = whole({"intel": [npu("0000:00:0b.0")], "engines": [engines]})

    assert (device.name, device.driver_version) == ("Intel(R) AI Boost", "1.17")
    assert list(device.accelerator.number_types) == ["FP16", "INT8"]
    assert device.accelerator.max_prompt_tokens == 1024


def test_a_spare_name_is_used_if_there_is_no_other() -> None:
    assert whole({"intel": [npu("0000:00:0b.0")]}).name == "An NPU"


def test_what_is_emulated_has_the_machine_s_memory() -> None:
    device = whole({"engines": [engine("Vulkan0", name="llvmpipe", emulated=True)]})

    assert device.emulated
    assert device.shares_memory


def test_the_maker_of_what_only_an_engine_knows_is_in_its_name() -> None:
    assert whole({"engines": [engine("Vulkan0", name="NVIDIA A100")]}).vendor == "NVIDIA"
    assert whole({"engines": [engine("Vulkan0", name="llvmpipe")]}).vendor == ""

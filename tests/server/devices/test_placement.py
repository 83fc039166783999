"""Where models are computed: by settings, acceleration, and what the machine has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import pytest

from funland.v1.hardware_pb2 import Acceleration, Device
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.candidates import Readers
from funland_server.devices.errors import DeviceNotFoundError, DeviceUnavailableError
from funland_server.devices.fitting import Parts
from funland_server.devices.placement import place
from funland_server.devices.rooms import free, rooms
from funland_server.devices.subject import Machine, Subject
from funland_server.errors import FieldInvalidError
from funland_server.workers.errors import EngineUnsupportedError, ModelTooLargeError
from funland_server.workers.taken import Taken
from tests.server.devices.machines import (
    CTRANSLATE2,
    GIB,
    LLAMA,
    OPENVINO,
    cpu,
    emulated,
    gone,
    intel,
    npu,
    nvidia,
)

CPU = LoadSettings.ENGINE_UNSPECIFIED
PARTS = Parts(
    whole=9 * GIB, compute=GIB, host_compute=GIB, host=GIB // 2, layers=(GIB,) * 7 + (GIB,)
)
"""Seven layers and an output, and a table of tokens: 10 GiB on a device, 9 with the layers."""
GGUF = Readers("GGUF", (LLAMA, OPENVINO, CTRANSLATE2))
SAFETENSORS = Readers("SAFETENSORS", (CTRANSLATE2,))
IR = Readers("OPENVINO_IR", (OPENVINO,))
PLENTY = Taken(64 * GIB)


@dataclass(frozen=True)
class Case:
    """A load on a machine, and where it goes: each device's layers, `whole` for all."""

    name: str
    devices: Sequence[Device]
    goes: Mapping[str, int | str]
    engine: LoadSettings.Engine.ValueType = LLAMA
    wanted: LoadSettings = field(default_factory=LoadSettings)
    acceleration: Acceleration = field(default_factory=Acceleration)
    readers: Readers = GGUF
    taken: Taken = PLENTY


def auto(**more: Any) -> Acceleration:
    return Acceleration(gpu_memory_fraction=1, **more)


def hybrid(*ids: str) -> Acceleration:
    first, *others = ids
    return auto(mode=Acceleration.HYBRID, primary_device_id=first, secondary_device_ids=others)


def single(device_id: str) -> Acceleration:
    return auto(mode=Acceleration.SINGLE, primary_device_id=device_id)


def on(*ids: str, **more: Any) -> LoadSettings:
    return LoadSettings(device_ids=ids, **more)


def placed(case: Case) -> Any:
    acceleration = Acceleration()
    acceleration.CopyFrom(case.acceleration)
    if not acceleration.HasField("gpu_memory_fraction"):
        acceleration.gpu_memory_fraction = 1
    devices = [cpu(), *case.devices]
    room = rooms(devices, acceleration, case.taken)
    machine = Machine(devices, acceleration, room, free(room, case.taken))
    return place(case.wanted, Subject("m", case.readers, PARTS), machine)


Refusal: TypeAlias = tuple[
    str, list[Device], LoadSettings, Acceleration | None, Readers, type[Exception], str
]
IDLE_ON_0 = Taken(64 * GIB, {"gpu_0": 20 * GIB}, {}, {"gpu_0": 20 * GIB})
CASES = [
    Case("a machine without accelerators", [], {}, CPU),
    Case("a GPU with room for all", [nvidia(0)], {"gpu_0": 8}),
    Case("a GPU on which half of the layers fit", [nvidia(0, 5)], {"gpu_0": 4}),
    Case("a GPU on which none fits", [nvidia(0, 1)], {}, CPU),
    Case("a GPU whose memory can't be read", [nvidia(0, None)], {"gpu_0": 8}),
    Case("the GPU with the most free", [nvidia(0, 24, 12), nvidia(1, 24)], {"gpu_1": 8}),
    Case("the first of identical cards", [nvidia(0), nvidia(1)], {"gpu_0": 8}),
    Case(
        "the card that no other model must leave",
        [nvidia(0, 24, 20), nvidia(1, 16)],
        {"gpu_1": 8},
        taken=IDLE_ON_0,
    ),
    Case(
        "the card that another must leave, where the free one is too small",
        [nvidia(0, 24, 20), nvidia(1, 8)],
        {"gpu_0": 8},
        taken=IDLE_ON_0,
    ),
    Case("memory of its own before the machine's", [intel(0, 64), nvidia(1, 16)], {"gpu_1": 8}),
    Case("an integrated GPU", [intel(0, 64)], {"gpu_0": 8}),
    Case(
        "an integrated GPU in what the machine has left",
        [intel(0, 64)],
        {"gpu_0": 5},
        taken=Taken(6 * GIB),
    ),
    Case("an emulated device, unasked", [emulated(0)], {}, CPU),
    Case("an emulated device, asked for", [emulated(0)], {"gpu_0": 8}, wanted=on("gpu_0")),
    Case(
        "an emulated device as the primary",
        [emulated(0)],
        {"gpu_0": 8},
        acceleration=auto(primary_device_id="gpu_0"),
    ),
    Case(
        "a slice, not the card that it is of",
        [nvidia(0, 80), nvidia(1, 10, parent="gpu_0"), nvidia(2, 20, parent="gpu_0")],
        {"gpu_2": 8},
    ),
    Case("an NPU, unasked", [npu()], {}, CPU),
    Case("an NPU", [npu()], {"npu_0": "whole"}, OPENVINO, on("npu_0")),
    Case("the CPU, asked for", [nvidia(0)], {}, CPU, on("cpu_0")),
    Case("the CPU by name", [nvidia(0)], {}, CPU, LoadSettings(device="CPU")),
    Case(
        "OpenVINO's name for a device", [intel(0)], {"gpu_0": "whole"}, OPENVINO,
        LoadSettings(device="GPU", engine=OPENVINO), readers=Readers("GGUF", (OPENVINO,)),
    ),
    Case("a name that no device has", [intel(0)], {}, CPU, LoadSettings(device="AUTO:GPU,CPU")),
    Case("no layers, asked for", [nvidia(0)], {}, CPU, on("gpu_0", gpu_layers=0)),
    Case("some layers, asked for", [nvidia(0)], {"gpu_0": 3}, wanted=LoadSettings(gpu_layers=3)),
    Case("more layers than there are", [nvidia(0)], {"gpu_0": 8}, wanted=on(gpu_layers=999)),
    Case("a device that is named, as far as it goes", [nvidia(0, 5)], {"gpu_0": 4},
         wanted=on("gpu_0")),
    Case("a device and the CPU, none fitting", [nvidia(0, 1)], {}, CPU, on("gpu_0", "cpu_0")),
    Case(
        "several cards by free memory",
        [nvidia(0, 24), nvidia(1, 8)],
        {"gpu_0": 6, "gpu_1": 2},
        wanted=on("gpu_0", "gpu_1"),
    ),
    Case(
        "several cards in the order that is named",
        [nvidia(0, 24), nvidia(1, 8)],
        {"gpu_1": 2, "gpu_0": 6},
        wanted=on("gpu_1", "gpu_0"),
    ),
    Case(
        "several cards by weights",
        [nvidia(0, 24), nvidia(1, 24)],
        {"gpu_0": 2, "gpu_1": 6},
        wanted=on("gpu_0", "gpu_1", device_split=[1, 3]),
    ),
    Case(
        "a weight for the CPU",
        [nvidia(0)],
        {"gpu_0": 6},
        wanted=on("gpu_0", "cpu_0", device_split=[3, 1]),
    ),
    Case(
        "all weight for the CPU", [nvidia(0)], {}, CPU,
        on("gpu_0", "cpu_0", device_split=[0, 1]),
    ),
    Case(
        "the primary device before a larger one",
        [nvidia(0, 80), nvidia(1, 16)],
        {"gpu_1": 8},
        acceleration=auto(primary_device_id="gpu_1"),
    ),
    Case(
        "the CPU as the primary device", [nvidia(0)], {}, CPU,
        acceleration=auto(primary_device_id="cpu_0"),
    ),
    Case("one device alone", [nvidia(0)], {"gpu_0": 8}, acceleration=single("gpu_0")),
    Case(
        "hybrid fills the primary, then the secondary",
        [nvidia(0, 24), nvidia(1, 5)],
        {"gpu_1": 4, "gpu_0": 4},
        acceleration=hybrid("gpu_1", "gpu_0"),
    ),
    Case(
        "hybrid leaves the rest to the CPU",
        [nvidia(0, 3), nvidia(1, 5)],
        {"gpu_1": 4, "gpu_0": 2},
        acceleration=hybrid("gpu_1", "gpu_0"),
    ),
    Case(
        "hybrid needs no second device",
        [nvidia(0, 24), nvidia(1, 24)],
        {"gpu_1": 8},
        acceleration=hybrid("gpu_1", "gpu_0"),
    ),
    Case(
        "hybrid without a device that is gone",
        [gone(0), nvidia(1, 5)],
        {"gpu_1": 4},
        acceleration=hybrid("gpu_1", "gpu_0"),
    ),
    Case(
        "a load's devices before the machine's",
        [nvidia(0), nvidia(1)],
        {"gpu_1": 8},
        wanted=on("gpu_1"),
        acceleration=single("gpu_0"),
    ),
    Case("the engine that a load names", [nvidia(0)], {"gpu_0": "whole"}, CTRANSLATE2,
         LoadSettings(engine=CTRANSLATE2), readers=Readers("GGUF", (CTRANSLATE2,))),
    Case("an engine that computes on the CPU alone here", [nvidia(0)], {}, CPU,
         LoadSettings(engine=OPENVINO), readers=Readers("GGUF", (OPENVINO,))),
    Case("a format that another engine reads", [nvidia(0)], {"gpu_0": "whole"}, CTRANSLATE2,
         readers=SAFETENSORS),
    Case("a format that none reads there", [intel(0)], {}, CPU, readers=SAFETENSORS),
    Case("a whole model that does not fit", [nvidia(0, 9)], {}, CPU, readers=SAFETENSORS),
    Case(
        "a whole model on the first that has room",
        [intel(0, 8, discrete=True), intel(1, 16, discrete=True)],
        {"gpu_1": "whole"}, OPENVINO, readers=IR,
        acceleration=hybrid("gpu_0", "gpu_1"),
    ),
    Case(
        "a whole model on several that are named",
        [intel(0, 8, discrete=True), intel(1, 8, discrete=True)],
        {"gpu_0": "whole", "gpu_1": "whole"}, OPENVINO, on("gpu_0", "gpu_1"), readers=IR,
    ),
    Case(
        "a whole model on a device and the CPU",
        [intel(0, 16, discrete=True)],
        {"gpu_0": "whole", "cpu_0": "whole"}, OPENVINO, on("gpu_0", "cpu_0"), readers=IR,
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_model_is_placed(case: Case) -> None:
    placement = placed(case)

    goes = {one.device_id: one.layers or "whole" for one in placement.devices}
    assert list(goes.items()) == list(case.goes.items())
    assert placement.engine == case.engine
    layers = [one.layers for one in placement.devices if one.layers]
    assert placement.gpu_layers == (sum(layers) if layers else None)
    assert [one.weight for one in placement.devices if one.layers] == layers


@pytest.mark.parametrize(
    ("devices", "wanted", "host", "own"),
    [
        ([], LoadSettings(), 10.5, []),
        ([nvidia(0)], LoadSettings(), 1.5, [9]),  # the process and the table of tokens
        ([nvidia(0, 5)], LoadSettings(), 6.5, [5]),  # 4 layers, the table, a pass, the process
        ([intel(0)], LoadSettings(), 10.5, [9]),  # counted once
        ([nvidia(0), nvidia(1)], on("gpu_0", "gpu_1", device_split=[1, 1]), 1.5, [5, 5]),
        ([npu()], on("npu_0"), 10.5, [10]),
    ],
)
def test_every_byte_is_counted_once(
    devices: list[Device], wanted: LoadSettings, host: float, own: list[int]
) -> None:
    placement = placed(Case("", devices, {}, wanted=wanted))

    assert placement.host_bytes == host * GIB
    assert [one.bytes for one in placement.devices] == [bytes_ * GIB for bytes_ in own]


def test_a_copied_output_stays_in_the_machine_s_memory_too() -> None:
    tied = Parts(9 * GIB, GIB, GIB, GIB // 2, PARTS.layers, tied=True)
    devices = [cpu(), nvidia(0)]
    machine = Machine(devices, auto(), rooms(devices, auto(), Taken(0)))

    placement = place(LoadSettings(), Subject("m", GGUF, tied), machine)

    assert placement.host_bytes == 2.5 * GIB


@pytest.mark.parametrize(
    ("devices", "host", "own"),
    [
        ([], 12.5, []),
        ([nvidia(0)], 1.5, [12]),  # with all layers it is there
        ([nvidia(0, 10)], 5.5, [8]),  # where its layer does not fit, it stays behind
        ([intel(0)], 1.5 + 12, [12]),
    ],
)
def test_a_draft_model_is_counted_once(devices: list[Device], host: float, own: list[int]) -> None:
    first, *others = PARTS.layers
    layers = (first + 3 * GIB, *others)
    drafting = replace(PARTS, layers=layers, draft=3 * GIB, host_draft=2 * GIB)
    machine = Machine([cpu(), *devices], auto(), rooms(devices, auto(), PLENTY))

    placement = place(LoadSettings(), Subject("m", GGUF, drafting), machine)

    assert placement.host_bytes == host * GIB
    assert [one.bytes for one in placement.devices] == [bytes_ * GIB for bytes_ in own]


REFUSED: list[Refusal] = [
    ("a device that is not there", [], on("gpu_7"), None, GGUF, DeviceNotFoundError,
     "gpu_7"),
    ("a device that is gone", [gone(0)], on("gpu_0"), None, GGUF, DeviceUnavailableError,
     "it was unplugged"),
    ("a primary device that is gone", [gone(0)], LoadSettings(), auto(primary_device_id="gpu_0"),
     GGUF, DeviceUnavailableError, "it was unplugged"),
    ("a primary device that was taken out", [], LoadSettings(), auto(primary_device_id="gpu_0"),
     GGUF, DeviceUnavailableError, "it is not there"),
    ("a format that none reads there", [intel(0)], on("gpu_0"), None, SAFETENSORS,
     EngineUnsupportedError, "CTRANSLATE2, which reads SAFETENSORS models, does not compute on"
     " gpu_0"),
    ("an engine that does not compute there", [nvidia(0)], on("gpu_0"), None, IR,
     EngineUnsupportedError, "OPENVINO, which reads OPENVINO_IR models"),
    ("devices of different engines", [npu(), nvidia(0)], on("gpu_0", "npu_0"), None, GGUF,
     EngineUnsupportedError, "LLAMA_CPP and OPENVINO and CTRANSLATE2, which read"),
    ("one device alone, without an engine", [intel(0)], LoadSettings(), single("gpu_0"),
     SAFETENSORS, EngineUnsupportedError, "SAFETENSORS"),
    ("several devices for CTranslate2", [nvidia(0), nvidia(1)], on("gpu_0", "gpu_1"), None,
     SAFETENSORS, EngineUnsupportedError, "one device"),
    ("no room at all", [nvidia(0, 1)], on("gpu_0"), None, GGUF, ModelTooLargeError, "on gpu_0"),
    ("one device alone, too small", [nvidia(0, 5)], LoadSettings(), single("gpu_0"), GGUF,
     ModelTooLargeError, "needs? about 9.66 GB"),
    ("more layers than fit", [nvidia(0, 5)], on("gpu_0", gpu_layers=5), None, GGUF,
     ModelTooLargeError, "5 layers"),
    ("a whole model, too large", [nvidia(0, 9)], on("gpu_0"), None, SAFETENSORS,
     ModelTooLargeError, "10.74 GB"),
    ("a name and ids", [nvidia(0)], on("gpu_0", device="GPU"), None, GGUF, FieldInvalidError,
     "settings.device: "),
    ("too few weights", [nvidia(0), nvidia(1)], on("gpu_0", "gpu_1", device_split=[1]), None,
     GGUF, FieldInvalidError, "settings.device_split: "),
    ("weights without devices", [nvidia(0)], LoadSettings(device_split=[1]), None, GGUF,
     FieldInvalidError, "settings.device_split: "),
    ("weights of nothing", [nvidia(0)], on("gpu_0", device_split=[0]), None, GGUF,
     FieldInvalidError, "settings.device_split: "),
    ("layers without accelerators", [], LoadSettings(gpu_layers=4), None, GGUF,
     FieldInvalidError, "settings.gpu_layers: must be 0"),
    ("layers on a CPU", [nvidia(0)], on("cpu_0", gpu_layers=4), None, GGUF, FieldInvalidError,
     "settings.gpu_layers: must be 0 on a CPU"),
    ("layers of a whole model", [npu()], on("npu_0", gpu_layers=4), None, GGUF,
     FieldInvalidError, "settings.gpu_layers: must be unset: OpenVINO"),
    ("weights of a whole model", [intel(0), intel(1)],
     on("gpu_0", "gpu_1", device_split=[1, 1]), None, IR, FieldInvalidError,
     "settings.device_split: must be unset: OpenVINO"),
]  # fmt: skip


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row[0])
def test_what_can_t_be_is_said(row: Refusal) -> None:
    _, devices, wanted, acceleration, readers, error, words = row

    with pytest.raises(error, match=words):
        placed(Case("", devices, {}, CPU, wanted, acceleration or auto(), readers))


def test_a_refusal_for_lack_of_room_has_the_numbers() -> None:
    with pytest.raises(ModelTooLargeError) as raised:
        placed(Case("", [nvidia(0, 5)], {}, acceleration=single("gpu_0")))

    assert raised.value.metadata == {
        "model": "m", "needed_bytes": str(9 * GIB), "available_bytes": str(5 * GIB),
        "devices": "gpu_0",
    }  # fmt: skip

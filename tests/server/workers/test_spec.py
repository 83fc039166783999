"""What a worker is told, and when another one is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.hardware_pb2 import Acceleration
from funland.v1.inference_pb2 import Speculation
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Ready
from funland_server.workers.spec import (
    PlacedDevice,
    PrefixSpill,
    WorkerSpec,
    device_ids,
    kind,
    same_run,
    to_wire,
)

RUNS = LoadSettings(
    slots=4, device="CPU", memory_limit_bytes=2**30, cache=LoadSettings.UNIFIED, draft_model="d",
    speculation=Speculation(max_tokens=4), device_split=[1, 2], gpu_memory_fraction=0.5,
    node_id="n",
)  # fmt: skip
READY = Ready(
    context_length=512, slots=4, threads=1, engine=LoadSettings.LLAMA_CPP, device="CPU",
    gpu_layers=0, layer_count=8, key_type=LoadSettings.F16, value_type=LoadSettings.Q8_0,
    flash_attention=True, cache_tokens=2048, cache_reuse_tokens=256,
)  # fmt: skip
SPEC = WorkerSpec("m", Path("/models/m.gguf"), RUNS, 512, device_ids={"CPU": "cpu_0"})

# For each setting, one that the worker runs with and one that it does not.
SETTINGS: dict[str, tuple[LoadSettings, LoadSettings]] = {
    "context_length": (LoadSettings(context_length=512), LoadSettings(context_length=256)),
    "slots": (LoadSettings(slots=4), LoadSettings(slots=5)),
    "threads": (LoadSettings(threads=1), LoadSettings(threads=2)),
    "engine": (
        LoadSettings(engine=LoadSettings.LLAMA_CPP),
        LoadSettings(engine=LoadSettings.OPENVINO),
    ),
    "device": (LoadSettings(device="CPU"), LoadSettings(device="GPU")),
    "memory_limit_bytes": (
        LoadSettings(memory_limit_bytes=2**30),
        LoadSettings(memory_limit_bytes=2**31),
    ),
    "cache": (LoadSettings(cache=LoadSettings.UNIFIED), LoadSettings(cache=LoadSettings.STREAMS)),
    "draft_model": (LoadSettings(draft_model="d"), LoadSettings(draft_model="e")),
    "speculation": (
        LoadSettings(speculation=Speculation(max_tokens=4)),
        LoadSettings(speculation=Speculation(max_tokens=5)),
    ),
    "device_ids": (LoadSettings(device_ids=["cpu_0"]), LoadSettings(device_ids=["gpu_0"])),
    "gpu_layers": (LoadSettings(gpu_layers=0), LoadSettings(gpu_layers=1)),
    "device_split": (LoadSettings(device_split=[1, 2]), LoadSettings(device_split=[2, 1])),
    "key_type": (LoadSettings(key_type=LoadSettings.F16), LoadSettings(key_type=LoadSettings.F32)),
    "value_type": (
        LoadSettings(value_type=LoadSettings.Q8_0),
        LoadSettings(value_type=LoadSettings.F16),
    ),
    "flash_attention": (LoadSettings(flash_attention=True), LoadSettings(flash_attention=False)),
    "gpu_memory_fraction": (
        LoadSettings(gpu_memory_fraction=0.5),
        LoadSettings(gpu_memory_fraction=0.6),
    ),
    "node_id": (LoadSettings(node_id="n"), LoadSettings(node_id="other")),
    "cache_tokens": (LoadSettings(cache_tokens=2048), LoadSettings(cache_tokens=1024)),
    "cache_reuse_tokens": (
        LoadSettings(cache_reuse_tokens=256),
        LoadSettings(cache_reuse_tokens=64),
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_compared(name: str) -> None:
    same, other = SETTINGS[name]

    assert same_run(SPEC, READY, same)
    assert not same_run(SPEC, READY, other)


def test_no_setting_is_forgotten() -> None:
    every = {field.name for field in LoadSettings.DESCRIPTOR.fields}

    assert every - set(SETTINGS) == {"keep_alive_seconds", "fallback_to_cpu"}
    assert same_run(SPEC, READY, LoadSettings(keep_alive_seconds=5, fallback_to_cpu=True))
    assert same_run(SPEC, READY, LoadSettings())


def test_the_worker_is_told_all() -> None:
    spec = WorkerSpec(
        "m", Path("/m"), RUNS, 512,
        format=Model.OPENVINO_IR, sha256="5a", adapters={"a": Path("/a")},
        draft_model_path=Path("/d"), queue_limit=7, memory_limit_bytes=9,
        prefix_memory_bytes=10,
        prefix_spill=PrefixSpill(Path("/p"), 11, b"key", lasting_only=True),
        conversion_folder=Path("/c"),
        fewer_slots=True, held_texts=12, cache_type=LoadSettings.Q8_0,
        chat_template="{{ messages }}",
        engine=LoadSettings.LLAMA_CPP,
        devices=(PlacedDevice("gpu_1", "Vulkan1", 3, 3), PlacedDevice("gpu_0", "Vulkan0", 5, 5)),
        gpu_layers=8, compile_folder=Path("/o"), npu_power_mode=Acceleration.PERFORMANCE,
        trains=True, projector_path=Path("/v"), projector_sha256="6b",
    )  # fmt: skip

    launch = to_wire(spec, "/socket", "token", 7)

    assert {field.name for field, _ in launch.ListFields()} == {
        field.name for field in launch.DESCRIPTOR.fields
    }
    assert dict(launch.adapters) == {"a": "/a"}
    assert [(one.device_id, one.name, one.weight) for one in launch.devices] == [
        ("gpu_1", "Vulkan1", 3), ("gpu_0", "Vulkan0", 5),
    ]  # fmt: skip
    assert launch.settings.engine == LoadSettings.LLAMA_CPP
    assert (launch.prefix_folder, launch.prefix_folder_bytes, launch.prefix_key) == (
        "/p", 11, b"key",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "ready", "expected"),
    [
        (Model.TEXT, Ready(can_generate=True), Model.TEXT),
        (Model.EMBEDDING, Ready(can_generate=True), Model.EMBEDDING),  # a decoder made for vectors
        (Model.TEXT, Ready(), Model.EMBEDDING),
        (Model.TEXT, Ready(can_generate=True, can_rank=True), Model.RANKING),
        (Model.RANKING, Ready(), Model.EMBEDDING),  # its engine has no ranking
    ],
)
def test_what_calls_are_for_is_what_its_worker_can(
    told: Model.Kind.ValueType, ready: Ready, expected: Model.Kind.ValueType
) -> None:
    assert kind(replace(SPEC, kind=told), ready) == expected


def test_without_a_word_a_model_is_kept_for_ever() -> None:
    assert SPEC.keep_alive_seconds < 0
    brief = WorkerSpec("m", Path("/m"), LoadSettings(keep_alive_seconds=0), 512)
    assert brief.keep_alive_seconds == 0


def test_one_that_fell_back_is_told_nothing_of_devices_and_stays_as_it_is() -> None:
    asked = LoadSettings(device_ids=["gpu_0", "gpu_1"], device_split=[1, 2], gpu_layers=4)
    spec = WorkerSpec(
        "m", Path("/m"), asked, 512, fallback_reason="its driver fails", device_ids={"CPU": "cpu_0"}
    )

    settings = to_wire(spec, "/socket", "token", 7).settings

    assert settings == LoadSettings()
    assert same_run(spec, READY, asked)
    assert not same_run(spec, READY, LoadSettings(device_ids=["gpu_0"]))


KNOWN = {"CPU": "cpu_0", "GPU": "gpu_0", "GPU.0": "gpu_0", "GPU.1": "gpu_1", "VULKAN0": "gpu_0"}
PLACED = (PlacedDevice("gpu_1", "GPU.1"), PlacedDevice("gpu_0", "GPU.0"))


@pytest.mark.parametrize(
    ("placed", "ready", "told"),
    [
        ((), Ready(device="CPU"), ("cpu_0",)),
        ((), Ready(device="GPU"), ("gpu_0",)),
        ((), Ready(device="HETERO:GPU.1,CPU"), ("gpu_1", "cpu_0")),
        ((), Ready(device="AUTO:GPU,CPU"), ()),
        ((), Ready(device="FPGA"), ()),
        ((), Ready(device="Vulkan0", gpu_layers=8, layer_count=8), ("gpu_0",)),
        ((), Ready(device="Vulkan0", gpu_layers=7, layer_count=8), ("gpu_0", "cpu_0")),
        ((), Ready(device="CPU", gpu_layers=0, layer_count=8), ("cpu_0",)),
        (PLACED, Ready(device="HETERO:GPU.1,GPU.0"), ("gpu_1", "gpu_0")),
        (PLACED, Ready(device="both"), ("gpu_1", "gpu_0")),
    ],
)
def test_where_it_computes_is_told_by_ids(
    placed: tuple[PlacedDevice, ...], ready: Ready, told: tuple[str, ...]
) -> None:
    spec = WorkerSpec("m", Path("/m"), LoadSettings(), 512, devices=placed, device_ids=KNOWN)

    assert device_ids(spec, ready) == told

"""What a worker is told, and when another one is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland.v1.inference_pb2 import Speculation
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Ready
from funland_server.workers.spec import PrefixSpill, WorkerSpec, same_run, to_wire

RUNS = LoadSettings(
    slots=4, device="CPU", memory_limit_bytes=2**30, cache=LoadSettings.UNIFIED, draft_model="d",
    speculation=Speculation(max_tokens=4),
)  # fmt: skip
READY = Ready(context_length=512, slots=4, threads=1, engine=LoadSettings.LLAMA_CPP, device="CPU")
SPEC = WorkerSpec("m", Path("/models/m.gguf"), RUNS, 512)

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
}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_compared(name: str) -> None:
    same, other = SETTINGS[name]

    assert same_run(SPEC, READY, same)
    assert not same_run(SPEC, READY, other)


def test_no_setting_is_forgotten() -> None:
    every = {field.name for field in LoadSettings.DESCRIPTOR.fields}

    assert every - set(SETTINGS) == {"keep_alive_seconds"}
    assert same_run(SPEC, READY, LoadSettings(keep_alive_seconds=5))
    assert same_run(SPEC, READY, LoadSettings())


def test_the_worker_is_told_all() -> None:
    spec = WorkerSpec(
        "m", Path("/m"), RUNS, 512,
        format=Model.OPENVINO_IR, sha256="5a", adapters={"a": Path("/a")},
        draft_model_path=Path("/d"), queue_limit=7, memory_limit_bytes=9,
        prefix_memory_bytes=10,
        prefix_spill=PrefixSpill(Path("/p"), 11, b"key"), conversion_folder=Path("/c"),
        fewer_slots=True, chat_template="{{ messages }}",
    )  # fmt: skip

    launch = to_wire(spec, "/socket", "token", 7)

    assert {field.name for field, _ in launch.ListFields()} == {
        field.name for field in launch.DESCRIPTOR.fields
    }
    assert dict(launch.adapters) == {"a": "/a"}
    assert (launch.prefix_folder, launch.prefix_folder_bytes, launch.prefix_key) == (
        "/p", 11, b"key",
    )  # fmt: skip


def test_without_a_word_a_model_is_kept_for_ever() -> None:
    assert SPEC.keep_alive_seconds < 0
    brief = WorkerSpec("m", Path("/m"), LoadSettings(keep_alive_seconds=0), 512)
    assert brief.keep_alive_seconds == 0

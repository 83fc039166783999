"""What fits beside what is loaded, and which of those that are free would leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland_server.live import Live
from funland_server.workers.decisions import promise
from funland_server.workers.fit import Held, Memories, available, chosen, room, taken, to_unload
from funland_server.workers.machine import MachineMemory
from funland_server.workers.memory import Memory
from funland_server.workers.spec import PlacedDevice, WorkerSpec


def held(key: str, size: int, last_used: float = 0) -> Held:
    return Held(key, size, size, last_used)


def memories(*held: Held, limit: int = 10_000, free: int = 10_000) -> Memories:
    return Memories(MachineMemory(10_000, free), limit, held)


def names(chosen: list[Held] | None) -> list[str] | None:
    return None if chosen is None else [each.key for each in chosen]


OLD, MIDDLE, YOUNG = held("old", 100, 1), held("middle", 300, 2), held("young", 200, 3)


@pytest.mark.parametrize(
    ("missing", "leaving"),
    [
        (-50, []),
        (0, []),
        (1, ["old"]),
        (100, ["old"]),
        (101, ["middle"]),  # the old one would not do, and with the middle one is not needed
        (301, ["old", "middle"]),
        (401, ["middle", "young"]),
        (600, ["old", "middle", "young"]),
        (601, None),
    ],
)
def test_the_first_leave_and_no_more_than_needed(missing: int, leaving: list[str] | None) -> None:
    assert names(chosen([OLD, MIDDLE, YOUNG], missing)) == leaving


def on_devices(key: str, **devices: int) -> Held:
    return Held(key, 10, 10, devices=devices, resident_devices=devices)


A, B, BOTH = (
    on_devices("a", gpu_0=300),
    on_devices("b", gpu_1=200),
    on_devices("both", gpu_0=100, gpu_1=100),
)


@pytest.mark.parametrize(
    ("missing", "lacking", "leaving"),
    [
        (0, {}, []),
        (0, {"gpu_0": -5}, []),
        (0, {"gpu_0": 100}, ["a"]),
        (0, {"gpu_1": 100}, ["b"]),  # the first would free nothing there
        (0, {"gpu_0": 400}, ["a", "both"]),
        (0, {"gpu_0": 300, "gpu_1": 100}, ["a", "b"]),
        (0, {"gpu_0": 100, "gpu_1": 100}, ["a", "b"]),
        (25, {"gpu_1": 300}, ["a", "b", "both"]),
        (0, {"gpu_0": 401}, None),
        (0, {"gpu_2": 1}, None),
    ],
)
def test_on_a_device_those_leave_that_have_something_there(
    missing: int, lacking: dict[str, int], leaving: list[str] | None
) -> None:
    assert names(chosen([A, B, BOTH], missing, lacking)) == leaving


def on_gpu(needed: int, available: int | None, *, shares: bool = False) -> WorkerSpec:
    device = PlacedDevice(
        "gpu_0", "CUDA0", bytes=needed, available_bytes=available, shares_memory=shares
    )
    return WorkerSpec("new", Path("x"), LoadSettings(), 512, needed_bytes=1, devices=(device,))


@pytest.mark.parametrize(
    ("spec", "leaving"),
    [
        # 500 bytes when both have left, so 100 now.
        (on_gpu(100, 500), []),
        (on_gpu(101, 500), ["a"]),
        (on_gpu(101, None), []),
        (on_gpu(101, 500, shares=True), ["a"]),
    ],
    ids=["fits", "lacks a byte", "can't be read", "shares the machine's"],
)
def test_those_leave_whose_device_s_memory_is_needed(spec: WorkerSpec, leaving: list[str]) -> None:
    assert names(to_unload(memories(A, BOTH), spec, 1, [A, BOTH], None)) == leaving


def test_what_models_have_and_are_promised_of_devices_is_told() -> None:
    busy = on_devices("busy", gpu_0=20)
    ours = memories(A, busy, B, promise(on_gpu(70, 500), 1))

    told = taken(ours, [A], replaced=B)

    assert told.held == {"gpu_0": 320, "gpu_1": 200}
    assert told.staying == {"gpu_0": 90}
    assert told.idle == {"gpu_0": 300}


def test_what_shares_the_machine_s_memory_is_promised_on_its_device_too() -> None:
    ours = memories(promise(on_gpu(300, None, shares=True), 100))

    assert taken(ours, []).staying == {"gpu_0": 300}


@pytest.mark.parametrize(
    ("limit", "free", "expected"),
    [(1000, 400, 400), (300, 400, 300)],
    ids=["the machine's", "the limit"],
)
def test_the_lower_of_limit_and_machine_counts(limit: int, free: int, expected: int) -> None:
    assert room(memories(limit=limit, free=free)) == expected


def test_without_a_limit_models_may_take_nine_tenths() -> None:
    memory = Memory(Live(None), lambda: MachineMemory(1000, 990))

    assert room(memory.now([])) == 900


def test_what_is_promised_to_one_load_another_does_not_get() -> None:
    memory = Memory(Live(1000), lambda: MachineMemory(10_000, 10_000))
    memory.promise(Held("first", 600, 0, loading=True))

    assert room(memory.now([])) == 400

    memory.settle("first")
    assert room(memory.now([])) == 1000


def test_what_a_model_has_not_taken_yet_is_not_given_to_another() -> None:
    lazy = Held("lazy", weight=500, resident=100)

    # The machine's figure knows nothing of the 400 bytes that the model will still read.
    assert room(memories(lazy, free=1000)) == 600


def test_a_run_that_replaces_another_of_the_same_model_gets_its_memory() -> None:
    own = held("new", 300)

    assert room(memories(own, limit=1000, free=100), own) == 400


def test_there_is_never_less_than_nothing_to_be_had() -> None:
    assert available(memories(held("big", 900), limit=500), []) == 0
    assert available(memories(held("big", 900), OLD, limit=950), [OLD]) == 50

"""Which models leave for another one, and when it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland_server.live import Live
from funland_server.workers.errors import ModelTooLargeError
from funland_server.workers.machine import MachineMemory
from funland_server.workers.memory import Held, Memory, to_unload
from funland_server.workers.spec import PlacedDevice, WorkerSpec


def held(model_id: str, size: int, last_used: float = 0, *, idle: bool = True) -> Held:
    return Held(model_id, size, size, last_used, idle)


def wanting(needed: int, model_id: str = "new") -> WorkerSpec:
    return WorkerSpec(model_id, Path("x"), LoadSettings(), 512, needed_bytes=needed)


def memory(limit: int | None, total: int = 10_000, available: int = 10_000) -> Memory:
    return Memory(Live(limit), lambda: MachineMemory(total, available))


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
def test_the_least_recently_used_leave_and_no_more_than_needed(
    missing: int, leaving: list[str] | None
) -> None:
    assert names(to_unload([YOUNG, OLD, MIDDLE], missing)) == leaving


def on_devices(model_id: str, last_used: float, *, idle: bool = True, **devices: int) -> Held:
    return Held(model_id, 10, 10, last_used, idle, devices, devices)


A, B, BOTH = (
    on_devices("a", 1, gpu_0=300),
    on_devices("b", 2, gpu_1=200),
    on_devices("both", 3, gpu_0=100, gpu_1=100),
)


@pytest.mark.parametrize(
    ("missing", "lacking", "leaving"),
    [
        (0, {}, []),
        (0, {"gpu_0": -5}, []),
        (0, {"gpu_0": 100}, ["a"]),
        (0, {"gpu_1": 100}, ["b"]),  # the oldest would free nothing there
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
    assert names(to_unload([BOTH, A, B], missing, lacking)) == leaving


def on_gpu(needed: int, available: int | None, *, shares: bool = False) -> WorkerSpec:
    device = PlacedDevice(
        "gpu_0", "CUDA0", bytes=needed, available_bytes=available, shares_memory=shares
    )
    return WorkerSpec("new", Path("x"), LoadSettings(), 512, needed_bytes=1, devices=(device,))


def test_idle_models_leave_for_one_that_needs_their_device_s_memory() -> None:
    # 500 bytes when both have left, so 100 now.
    assert names(memory(1000).plan(on_gpu(100, 500), [A, BOTH])) == []
    assert names(memory(1000).plan(on_gpu(101, 500), [A, BOTH])) == ["a"]
    assert names(memory(1000).plan(on_gpu(101, None), [A, BOTH])) == []
    assert names(memory(1000).plan(on_gpu(101, 500, shares=True), [A, BOTH])) == ["a"]


def test_what_models_have_and_are_promised_of_devices_is_told() -> None:
    ours = memory(1000)
    ours.promise(on_gpu(70, 500))

    taken = ours.taken([A, on_devices("busy", 4, idle=False, gpu_0=20)], B)

    assert taken.held == {"gpu_0": 320, "gpu_1": 200}
    assert taken.staying == {"gpu_0": 90}
    assert taken.idle == {"gpu_0": 300}
    ours.settle("new")
    assert ours.taken([]).staying == {}


def test_a_busy_model_never_leaves() -> None:
    busy = held("busy", 500, 0, idle=False)

    assert names(memory(1000).plan(wanting(500), [busy, OLD, YOUNG])) == ["old", "young"]
    with pytest.raises(ModelTooLargeError):
        memory(1000).plan(wanting(501), [busy])


@pytest.mark.parametrize("shares", [False, True], ids=["its own", "the machine's"])
def test_what_lacks_on_a_device_is_freed_whosever_memory_it_has(shares: bool) -> None:
    there = PlacedDevice("gpu_0", "Vulkan0", bytes=300, available_bytes=400, shares_memory=shares)
    spec = replace(wanting(100), devices=(there,))
    big = replace(held("big", 250), devices={"gpu_0": 250})
    small = replace(held("small", 100), devices={"gpu_0": 100})

    assert names(memory(None).plan(spec, [big])) == ["big"]
    assert names(memory(None).plan(spec, [small])) == []


def test_what_is_promised_on_a_device_is_counted_whosever_memory_it_has() -> None:
    there = PlacedDevice("gpu_0", "Vulkan0", bytes=300, shares_memory=True)
    promising = memory(None)
    promising.promise(replace(wanting(100), devices=(there,)))

    assert promising.taken([]).staying == {"gpu_0": 300}


def test_a_refusal_tells_what_is_needed_and_what_can_be_had() -> None:
    with pytest.raises(ModelTooLargeError) as raised:
        memory(1000).plan(wanting(901), [held("busy", 100, idle=False), OLD])

    assert raised.value.metadata == {
        "model": "new", "needed_bytes": "901", "available_bytes": "900",
    }  # fmt: skip


def test_the_lower_of_limit_and_machine_counts() -> None:
    assert memory(1000, available=400).room([]) == 400
    assert memory(300, available=400).room([]) == 300
    assert memory(None, total=1000, available=990).room([]) == 900


def test_what_is_promised_to_one_load_another_does_not_get() -> None:
    ours = memory(1000)
    ours.promise(wanting(600, "first"))

    with pytest.raises(ModelTooLargeError):
        ours.plan(wanting(600, "second"), [])

    ours.settle("first")
    assert ours.plan(wanting(600, "second"), []) == []


def test_what_a_model_has_not_taken_yet_is_not_given_to_another() -> None:
    lazy = Held("lazy", weight=500, resident=100, last_used=0, idle=False)

    # The machine's figure knows nothing of the 400 bytes that the model will still read.
    assert memory(10_000, available=1000).room([lazy]) == 600


def test_a_run_that_replaces_another_of_the_same_model_gets_its_memory() -> None:
    own = held("new", 300)

    assert memory(1000, available=100).room([], own) == 400


def test_a_model_of_which_nothing_is_known_is_not_refused() -> None:
    assert memory(10).plan(wanting(0), [held("busy", 100, idle=False)]) == []

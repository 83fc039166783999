"""How much of a device's memory a model may take."""

from __future__ import annotations

import pytest

from funland.v1.hardware_pb2 import Acceleration, Device
from funland_server.devices.rooms import free, rooms
from funland_server.workers.taken import Taken
from tests.server.devices.machines import GIB, cpu, emulated, intel, npu, nvidia


def room(device: Device, taken: Taken, fraction: float | None = 1.0) -> int | None:
    return rooms([cpu(), device], Acceleration(gpu_memory_fraction=fraction), taken)[
        device.device_id
    ]


NOTHING = Taken(100 * GIB)


@pytest.mark.parametrize(
    ("device", "taken", "expected"),
    [
        (nvidia(0, 24), NOTHING, 24),
        (nvidia(0, 24, used=4), NOTHING, 20),
        # What is in use is ours and leaves; ours and stays; ours in part.
        (nvidia(0, 24, used=4), Taken(0, {"gpu_0": 4 * GIB}, {}, {"gpu_0": 4 * GIB}), 24),
        (nvidia(0, 24, used=4), Taken(0, {"gpu_0": 4 * GIB}, {"gpu_0": 4 * GIB}), 20),
        (nvidia(0, 24, used=6), Taken(0, {"gpu_0": 4 * GIB}, {}, {"gpu_0": 4 * GIB}), 22),
        # Promised, and not taken yet.
        (nvidia(0, 24), Taken(0, {}, {"gpu_0": 10 * GIB}), 14),
        (nvidia(0, 24), Taken(0, {}, {"gpu_1": 10 * GIB}), 24),
        (nvidia(0, 24, used=23), Taken(0, {}, {"gpu_0": 10 * GIB}), 0),
        # What shares the machine's memory has what the machine has.
        (intel(0, 32), Taken(10 * GIB), 10),
        (intel(0, 8), Taken(10 * GIB), 8),
        (emulated(0), Taken(3 * GIB), 3),
        (npu(), Taken(3 * GIB), 3),
    ],
)
def test_what_others_have_is_left_to_them(device: Device, taken: Taken, expected: int) -> None:
    assert room(device, taken) == expected * GIB


def test_models_get_their_share_and_no_more() -> None:
    assert room(nvidia(0, 20), NOTHING, None) == 18 * GIB
    assert room(nvidia(0, 20), NOTHING, 0.5) == 10 * GIB
    assert room(nvidia(0, 20, used=4), NOTHING, 0.5) == 10 * GIB
    assert room(nvidia(0, 20), Taken(0, {}, {"gpu_0": 4 * GIB}), 0.5) == 6 * GIB


@pytest.mark.parametrize(
    ("own", "staying", "all_models", "expected"),
    [
        (0.25, 0, None, 5),
        (0.25, 16, None, 2),  # the others have left it so much of their share
        (0.5, 6, 0.5, 4),
        (0.95, 0, None, 19),  # who asks for more than the share gets it
        (0.95, 10, 0.5, 9),
        (1.0, 0, 0.5, 20),
    ],
)
def test_a_load_has_a_most_of_its_own(
    own: float, staying: int, all_models: float | None, expected: int
) -> None:
    acceleration = Acceleration(gpu_memory_fraction=all_models)
    taken = Taken(0, {}, {"gpu_0": staying * GIB})

    assert rooms([nvidia(0, 20)], acceleration, taken, own) == {"gpu_0": expected * GIB}


def test_what_can_not_be_read_is_not_made_up() -> None:
    assert room(nvidia(0, None), NOTHING) is None
    assert rooms([cpu()], Acceleration(), NOTHING) == {}


def test_while_nobody_leaves_there_is_less() -> None:
    taken = Taken(0, {"gpu_0": 4 * GIB}, {}, {"gpu_0": 4 * GIB})

    assert free({"gpu_0": 24 * GIB, "gpu_1": None}, taken) == {"gpu_0": 20 * GIB, "gpu_1": None}

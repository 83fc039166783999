"""A device keeps its id, whatever others come and go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from funland_server.devices.joining import joined
from funland_server.devices.numbering import Identity, is_id, numbered, order
from funland_server.devices.readers.protocol import Found
from funland_server.devices.remembered import remember, remembered
from tests.server.devices.making import card, cpu, engine, npu, part

A, B, C = "0000:01:00.0", "0000:21:00.0", "0000:41:00.0"


def ids(system: Sequence[Found], *engines: Found, known: Sequence[Identity] = ()) -> list[str]:
    return numbered(joined({"nvidia": system, "engines": engines}), known)[0]


def after(system: Sequence[Found], *engines: Found) -> list[Identity]:
    """What is known after a first run with these."""
    return numbered(joined({"nvidia": system, "engines": engines}), ())[1]


def llvmpipe(version: str = "15.0.6") -> Found:
    return engine("Vulkan0", name=f"llvmpipe (LLVM {version}, 256 bits)", emulated=True)


@pytest.mark.parametrize(
    ("system", "engines", "expected"),
    [
        pytest.param([cpu()], [], ["cpu_0"], id="a CPU"),
        pytest.param([card(B), card(A)], [], ["gpu_1", "gpu_0"], id="by place on the bus"),
        pytest.param(
            [card(A), npu("0000:00:0b.0")], [], ["gpu_0", "npu_0"], id="each kind by itself"
        ),
        pytest.param(
            [card(B), card(A)], [llvmpipe()], ["gpu_1", "gpu_0", "gpu_2"], id="the emulated last"
        ),
        pytest.param(
            [
                card(A, "GPU-a"), part("MIG-1", "GPU-a", A), part("MIG-2", "GPU-a", A),
                card(B, "GPU-b"),
            ],
            [], ["gpu_0", "gpu_1", "gpu_2", "gpu_3"], id="slices after their card",
        ),
    ],
)  # fmt: skip
def test_new_devices_are_numbered(
    system: Sequence[Found], engines: Sequence[Found], expected: list[str]
) -> None:
    assert ids(system, *engines) == expected


PAIR = after([card(A, "GPU-a"), card(B, "GPU-b")])
PLACED = after([card(A), card(B)])


@pytest.mark.parametrize(
    ("known", "system", "expected"),
    [
        pytest.param(PAIR, [card(B, "GPU-b")], ["gpu_1"], id="the first of two was removed"),
        pytest.param(
            PAIR, [card(A, "GPU-b"), card(B, "GPU-a")], ["gpu_1", "gpu_0"],
            id="identical cards changed places",
        ),
        pytest.param(
            PAIR, [card(A, "GPU-c"), card(B, "GPU-b")], ["gpu_2", "gpu_1"],
            id="another card of that model in its place",
        ),
        pytest.param(PAIR, [card(A), card(B)], ["gpu_0", "gpu_1"], id="without their driver"),
        pytest.param(
            PLACED, [card(A, "GPU-a"), card(B, "GPU-b")], ["gpu_0", "gpu_1"],
            id="now with their driver",
        ),
        pytest.param(
            PLACED, [card(A, pci_id="10de:9999"), card(B)], ["gpu_2", "gpu_1"],
            id="another model in its place",
        ),
        pytest.param(PAIR, [card(C, "GPU-c")], ["gpu_2"], id="a new one after two removed ones"),
        pytest.param(
            after([card(A, "GPU-a"), part("MIG-1", "GPU-a", A)]),
            [card(A, "GPU-a"), part("MIG-2", "GPU-a", A)], ["gpu_0", "gpu_2"],
            id="a card was divided anew",
        ),
    ],
)  # fmt: skip
def test_known_devices_keep_their_ids(
    known: Sequence[Identity], system: Sequence[Found], expected: list[str]
) -> None:
    assert ids(system, known=known) == expected


def test_an_emulated_device_keeps_its_id_through_an_update_of_its_program() -> None:
    assert ids([], llvmpipe("17.0.1"), known=after([], llvmpipe())) == ["gpu_0"]


def test_what_an_engine_alone_tells_changes_nothing_that_the_system_told() -> None:
    known = after([card(A)])

    assert numbered(joined({"engines": [engine("CUDA0", pci_address=A)]}), known) == (
        ["gpu_0"], known,
    )  # fmt: skip


def test_a_slice_that_only_an_engine_still_names_keeps_its_id() -> None:
    known = after([card(A, "GPU-a"), part("MIG-1", "GPU-a", A)])

    assert ids([card(A, "GPU-a")], engine("CUDA0", uuid="1"), known=known) == ["gpu_0", "gpu_1"]


def test_a_card_whose_driver_was_gone_for_a_while_is_still_told_from_another() -> None:
    _, known = numbered(joined({"nvidia": [card(A)]}), after([card(A, "GPU-a")]))

    assert ids([card(A, "GPU-c")], known=known) == ["gpu_1"]


def test_what_is_known_is_kept_on_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "home" / "devices.json"

    remember(file, PAIR)

    assert remembered(file) == PAIR


@pytest.mark.parametrize(
    ("content", "known"),
    [
        ("", []),
        ("[1]", []),
        ('[{"device_id": "gpu_x"}, {"device_id": "gpu_3"}]', ["gpu_3"]),
        ('[{"device_id": "gpu_3"}, {"device_id": "gpu_3"}]', []),
    ],
)
def test_what_is_damaged_is_forgotten(tmp_path: Path, content: str, known: list[str]) -> None:
    file = tmp_path / "devices.json"
    file.write_text(content)

    assert [each.device_id for each in remembered(file)] == known
    assert remembered(tmp_path / "none") == []


def test_ids_are_in_the_order_of_kinds_and_numbers() -> None:
    ids = ["npu_0", "gpu_10", "gpu_2", "cpu_0"]

    assert sorted(ids, key=order) == ["cpu_0", "gpu_2", "gpu_10", "npu_0"]
    assert [each for each in [*ids, "tpu_0", "gpu_", "gpu", "gpu_²"] if not is_id(each)] == [
        "tpu_0", "gpu_", "gpu", "gpu_²",
    ]  # fmt: skip

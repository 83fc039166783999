"""How a device stands follows from what readers told, and from which of them are silent."""

from __future__ import annotations

from funland.v1.hardware_pb2 import Device
from funland_server.devices.inventory import Inventory
from tests.server.devices.making import card, cpu, engine, part

A = "0000:01:00.0"
VULKAN = engine("Vulkan0", pci_address=A)


def states(inventory: Inventory) -> dict[str, tuple[str, str]]:
    return {
        each.device_id: (Device.State.Name(each.state), each.state_reason)
        for each in inventory.all()
    }


def test_a_device_is_available_once_an_engine_computes_on_it() -> None:
    inventory = Inventory()
    inventory.heard("cpu", [cpu()])
    inventory.heard("nvidia", [card(A)])
    inventory.update()
    assert states(inventory) == {
        "cpu_0": ("AVAILABLE", ""),
        "gpu_0": ("UNSUPPORTED", "The engines are still being asked what they compute on."),
    }

    inventory.heard("engines", [VULKAN])

    assert inventory.update() == ["gpu_0"]
    assert states(inventory)["gpu_0"] == ("AVAILABLE", "")


def test_a_device_that_no_engine_names_says_why() -> None:
    inventory = Inventory()
    inventory.heard("nvidia", [card(A, "GPU-a"), card("0000:21:00.0", obstacle="No driver.")])
    inventory.heard("engines", [])
    inventory.update()

    assert states(inventory) == {
        "gpu_0": ("UNSUPPORTED", "No engine that is installed computes on it."),
        "gpu_1": ("UNSUPPORTED", "No driver."),
    }


def test_a_device_that_was_removed_stays_as_gone_though_engines_still_name_it() -> None:
    inventory = Inventory()
    inventory.heard("nvidia", [card(A)])
    inventory.heard("engines", [VULKAN])
    inventory.update()

    inventory.heard("nvidia", [])

    assert inventory.update() == ["gpu_0"]
    assert states(inventory) == {"gpu_0": ("UNAVAILABLE", "It is not there any more.")}
    assert inventory.update() == []


def test_it_comes_back_with_its_id() -> None:
    inventory = Inventory()
    inventory.heard("nvidia", [card(A, "GPU-a"), card("0000:21:00.0", "GPU-b")])
    inventory.update()
    inventory.heard("nvidia", [card("0000:21:00.0", "GPU-b")])
    inventory.update()

    inventory.heard("nvidia", [card(A, "GPU-a"), card("0000:21:00.0", "GPU-b")])

    assert inventory.update() == ["gpu_0"]
    assert states(inventory)["gpu_0"][0] == "UNSUPPORTED"


def test_devices_of_a_reader_that_is_silent_are_not_counted_on_until_it_speaks() -> None:
    inventory = Inventory()
    inventory.heard("cpu", [cpu()])
    inventory.heard("nvidia", [card(A)])
    inventory.heard("engines", [VULKAN])
    inventory.update()

    inventory.silent("nvidia", "It has not answered for 10 s.")
    inventory.silent("cpu", "whatever")
    inventory.update()
    assert states(inventory) == {
        "cpu_0": ("AVAILABLE", ""),
        "gpu_0": ("UNAVAILABLE", "Its driver does not answer: It has not answered for 10 s."),
    }

    inventory.heard("nvidia", [card(A)])
    inventory.update()
    assert states(inventory)["gpu_0"] == ("AVAILABLE", "")


def test_engines_that_fail_take_no_device_away() -> None:
    inventory = Inventory()
    inventory.heard("nvidia", [card(A)])
    inventory.silent("engines", "crashed")
    inventory.update()

    assert states(inventory)["gpu_0"] == (
        "UNSUPPORTED", "No engine that is installed computes on it.",
    )  # fmt: skip


def test_what_its_driver_lost_is_unavailable() -> None:
    inventory = Inventory()
    inventory.heard("nvidia", [card(A, trouble="Lost.")])
    inventory.heard("engines", [VULKAN])
    inventory.update()

    assert states(inventory) == {"gpu_0": ("UNAVAILABLE", "Lost.")}


def test_a_slice_names_its_card() -> None:
    inventory = Inventory()
    inventory.heard("nvidia", [card(A, "GPU-a"), part("MIG-1", "GPU-a", A)])
    inventory.update()

    assert [each.parent_device_id for each in inventory.all()] == ["", "gpu_0"]

"""Each reader tells all that a recorded machine has, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from funland_server.devices.readers.nvidia import NvidiaReader
from funland_server.devices.readers.protocol import Found, Reader
from tests.server.devices.recorded import FOLDER, NAMES, Machine, machine

GARBAGE = ("", "-1", "9" * 18, "9" * 30, "nan \0", "a: b\nc 4 d\n: :\n")


def shown(found: Found) -> dict[str, Any]:
    """What was found, but for the time and for the engines, which are this installation's."""
    device = json_format.MessageToDict(found.device, preserving_proto_field_name=True)
    device["metrics"].pop("time")
    device.pop("engines", None)
    names = ("pci_id", "spare_name", "parent_uuid", "obstacle", "trouble")
    return {"device": device} | {name: told for name in names if (told := getattr(found, name))}


def look(reader: Reader) -> list[dict[str, Any]]:
    told = reader.look(anew=False)
    assert not told.problems
    return [shown(found) for found in told.found]


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_tells_what_a_machine_has(name: str, tmp_path: Path) -> None:
    expected = json.loads((FOLDER / name / "expected.json").read_text(encoding="utf-8"))
    recorded = machine(name, tmp_path)
    readers = recorded.readers()
    for reader in readers:
        look(reader)  # rates are those since the look before
    recorded.clock.now += 10
    for path, content in expected["later"].items():
        recorded.write(path, content)

    told = {reader.name: found for reader in readers if (found := look(reader))}

    assert told == expected["found"]


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_says_how_it_was_made(name: str) -> None:
    origin = json.loads((FOLDER / name / "origin.json").read_text(encoding="utf-8"))

    assert origin["how"] in ("recorded", "written")
    assert origin["source"]
    assert origin["date"]


def leaves(found: dict[str, Any], path: str = "") -> dict[str, Any]:
    """All values, each by the path to it."""
    values: dict[str, Any] = {}
    for key, value in found.items():
        within = (
            leaves(value, f"{path}.{key}") if hasattr(value, "items") else {f"{path}.{key}": value}
        )
        values.update(within)
    return values


def told_of(recorded: Machine) -> dict[str, Any]:
    """All values of all devices, by reader and by address, name or uuid."""
    return leaves({
        reader.name: {
            (shown["device"].get("uuid") or shown["device"].get("pci_address", "")): shown
            for shown in look(reader)
        }
        for reader in recorded.readers()
    })  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_a_missing_file_told_is_unset(name: str, tmp_path: Path) -> None:
    recorded = machine(name, tmp_path)
    whole = told_of(recorded)

    for path in recorded.paths:
        file = tmp_path / path
        away = file.with_name(file.name + ".away")
        file.rename(away)
        without = told_of(recorded)
        away.rename(file)

        made_up = {key for key in without if key not in whole}
        # An uuid that is gone, or a link, changes what a device is known by, or its obstacle.
        if not path.endswith(("unique_id", "driver")):
            assert not made_up, path

    assert told_of(recorded) == whole


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_breaks_no_reader(name: str, tmp_path: Path) -> None:
    recorded = machine(name, tmp_path)

    for path in recorded.paths:
        file = tmp_path / path
        if file.is_symlink():
            continue
        content = file.read_bytes()
        for garbage in GARBAGE:
            file.write_text(garbage)
            for reader in recorded.readers():
                for found in reader.look(anew=True).found:
                    assert found.device.SerializeToString()
        file.write_bytes(content)


@pytest.mark.parametrize("name", ["rtx-4090-pair", "h100-divided"])
def test_what_nvml_does_not_tell_is_unset(name: str, tmp_path: Path) -> None:
    recorded = machine(name, tmp_path)
    whole = told_of(recorded)
    needed = ("nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandle", "nvmlShutdown")

    for call in [call for call in recorded.nvml.answers if not call.startswith(needed)]:
        for error in (3, 13, 999):  # not supported, no such function, unknown
            answer = recorded.nvml.answers[call]
            recorded.nvml.answers[call] = {"error": error}
            without = told_of(recorded)
            recorded.nvml.answers[call] = answer
            if "UUID" not in call and "MigMode" not in call:
                assert without.keys() <= whole.keys(), call


def test_a_card_that_fell_off_the_bus_is_told_and_the_other_one_still_is(tmp_path: Path) -> None:
    recorded = machine("rtx-4090-pair", tmp_path)
    recorded.nvml.answers["nvmlDeviceGetTemperature(gpu0, 0)"] = {"error": 15}

    lost, other = NvidiaReader(recorded.files, lambda: recorded.nvml).look(anew=False).found

    assert lost.trouble == "NVIDIA's driver has lost it: GPU is lost."
    assert not other.trouble


def test_a_link_that_is_none_is_not_told(tmp_path: Path) -> None:
    recorded = machine("rtx-4090-pair", tmp_path)
    recorded.nvml.answers["nvmlDeviceGetCurrPcieLinkWidth(gpu0)"] = 0xFFFFFFFF
    recorded.nvml.answers["nvmlDeviceGetCurrPcieLinkGeneration(gpu0)"] = 0

    first = NvidiaReader(recorded.files, lambda: recorded.nvml).look(anew=False).found[0]

    assert not first.device.accelerator.HasField("pcie_lanes")
    assert not first.device.accelerator.HasField("pcie_generation")


@pytest.mark.parametrize(
    ("error", "field", "said"),
    [
        (9, "obstacle", "The library of NVIDIA's driver (libnvidia-ml.so.1) is not there."),
        (12, "obstacle", "The library of NVIDIA's driver (libnvidia-ml.so.1) is not there."),
        (
            18,
            "trouble",
            "NVIDIA's driver can't be asked: RM has detected an NVML/RM version mismatch.",
        ),
    ],
)
def test_cards_whose_driver_fails_are_told_by_the_bus(
    error: int, field: str, said: str, tmp_path: Path
) -> None:
    recorded = machine("rtx-4090-pair", tmp_path)
    recorded.nvml.answers["nvmlInit()"] = {"error": error}

    told = NvidiaReader(recorded.files, lambda: recorded.nvml).look(anew=False)

    assert [found.device.pci_address for found in told.found] == ["0000:01:00.0", "0000:21:00.0"]
    for found in told.found:
        assert getattr(found, field).startswith(said)
        assert found.spare_name == "NVIDIA AD102 [GeForce RTX 4090]"
    assert bool(told.problems) == (field == "trouble")


def test_a_card_without_a_driver_says_which_would_do(tmp_path: Path) -> None:
    recorded = machine("radeon-pair-and-apu", tmp_path)
    (tmp_path / "sys/bus/pci/devices/0000:03:00.0/driver").unlink()

    first = next(r for r in recorded.readers() if r.name == "amd").look(anew=False).found[0]

    assert first.obstacle == "No driver has it; the kernel's amdgpu would."

"""What is recorded of a machine is what readers read there, but for what is its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funland_server.devices.readers.cpu import CpuReader
from funland_server.devices.readers.nvidia import NvidiaReader
from tests.server.devices.recorded import RecordedNvml, machine
from tools.record_devices.__main__ import record
from tools.record_devices.recording import RecordingFiles, RecordingNvml
from tools.record_devices.scrubbing import file_without_secrets, link_is_told


def test_a_recording_of_this_machine_tells_what_the_machine_does(tmp_path: Path) -> None:
    record(tmp_path / "recordings" / "here")

    recorded = machine("here", tmp_path / "root", tmp_path / "recordings")
    told = recorded.readers()[0].look(anew=False).found[0].device
    here = CpuReader().look(anew=False).found[0].device
    assert told.cpu == here.cpu
    assert (told.name, told.architecture) == (here.name, here.architecture)
    assert told.metrics.memory_total_bytes == here.metrics.memory_total_bytes


@pytest.mark.parametrize("name", ["rtx-4090-pair", "h100-divided"])
def test_nvml_is_recorded_without_the_cards_own_numbers(name: str, tmp_path: Path) -> None:
    original = machine(name, tmp_path)
    nvml = RecordingNvml(original.nvml)
    before = NvidiaReader(original.files, lambda: nvml).look(anew=False).found

    answers = json.loads(json.dumps(nvml.answers))

    again = NvidiaReader(original.files, lambda: RecordedNvml(answers)).look(anew=False).found
    for old, new in zip(before, again, strict=True):
        assert (old.device.uuid[:4], len(old.device.uuid)) == (
            new.device.uuid[:4], len(new.device.uuid),
        )  # fmt: skip
        assert old.device.uuid != new.device.uuid
        assert old.device.metrics.memory_used_bytes == new.device.metrics.memory_used_bytes
        assert old.device.accelerator == new.device.accelerator
        assert bool(old.parent_uuid) == bool(new.parent_uuid)
    assert all(new.parent_uuid in ("", again[0].device.uuid) for new in again)


@pytest.mark.parametrize(
    ("path", "content", "shown"),
    [
        ("proc/meminfo", b"MemTotal: 1 kB\nHugepagesize: 2 kB\n", b"MemTotal: 1 kB\n"),
        ("proc/stat", b"cpu0 1\nintr 7\n", b"cpu0 1\n"),
        (
            "proc/self/mountinfo",
            b"1 2 0:3 / /home rw - ext4 /dev/x rw\n4 5 0:6 / /c rw - cgroup2 c rw\n",
            b"4 5 0:6 / /c rw - cgroup2 c rw\n",
        ),
        ("proc/self/cgroup", b"0::/docker/0123456789abcdef\n", b"0::/docker/0000000000000000\n"),
        ("proc/7/fdinfo/3", b"pos: 0\ndrm-pdev: a\n", b"drm-pdev: a\n"),
        ("sys/devices/system/cpu/online", b"0-3\n", b"0-3\n"),
    ],
)  # fmt: skip
def test_what_is_a_machine_s_own_is_left_out(path: str, content: bytes, shown: bytes) -> None:
    assert file_without_secrets(path, content) == shown


def test_a_card_s_number_is_made_up() -> None:
    shown = file_without_secrets("sys/bus/pci/devices/x/unique_id", b"1a2b3c4d5e6f7081\n")

    assert len(shown) == 17
    assert b"1a2b" not in shown


def test_what_programs_have_open_is_not_told_but_for_devices() -> None:
    assert link_is_told("proc/7/fd/3", "/dev/dri/renderD128")
    assert not link_is_told("proc/7/fd/3", "/home/somebody/letter.txt")
    assert link_is_told("sys/bus/pci/devices/x/driver", "../xe")


def test_files_are_recorded_with_the_numbers_of_groups_made_up() -> None:
    files = RecordingFiles()
    CpuReader(files).look(anew=False)

    assert "proc/cpuinfo" in files.tree()
    assert not any("usr/" in path for path in files.tree())

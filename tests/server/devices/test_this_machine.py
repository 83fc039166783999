"""What is told of the CPU is true to /proc, lscpu and the limits that this process has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pynvml
import pytest

from funland.v1.hardware_pb2 import Device
from funland_server.devices.readers.cpu import CpuReader
from funland_server.devices.readers.nvidia import NvidiaReader
from funland_server.devices.readers.nvml import NoDriverError, Nvml
from funland_server.kernel_files import KernelFiles
from tests.server.kernel_tree import tree

LSCPU = "/usr/bin/lscpu"
SHOW = """
import os, sys, time
if sys.argv[1:]:
    open(sys.argv[1], "w").write(str(os.getpid()))
from google.protobuf.json_format import MessageToJson
from funland_server.devices.readers.cpu import CpuReader
reader = CpuReader()
reader.look(anew=False)
end = time.monotonic() + 1
while time.monotonic() < end: pass
print(MessageToJson(reader.look(anew=False).found[0].device, indent=None))
"""


def lscpu() -> dict[str, str]:
    told = json.loads(subprocess.check_output([LSCPU, "-J"], env={**os.environ, "LC_ALL": "C"}))
    flat: dict[str, str] = {}
    rows = list(told["lscpu"])
    while rows:
        row = rows.pop(0)
        flat.setdefault(row["field"].rstrip(":"), row["data"])
        rows += row.get("children", [])
    return flat


def this_cpu() -> Device:
    return CpuReader().look(anew=False).found[0].device


@pytest.mark.skipif(not Path(LSCPU).exists(), reason="there is no lscpu")
def test_it_is_true_to_lscpu() -> None:
    told, device = lscpu(), this_cpu()

    assert device.architecture == told["Architecture"]
    assert device.name == " ".join(told["Model name"].split())
    assert device.cpu.machine_threads == int(told["CPU(s)"])
    assert device.cpu.memory_nodes == int(told["NUMA node(s)"])
    sockets = int(told["Socket(s)"])
    assert device.cpu.sockets == sockets
    assert device.cpu.machine_cores == sockets * int(told["Core(s) per socket"])
    flags = set(told["Flags"].split())
    names = {
        each.lower().replace("avx512_vbmi", "avx512vbmi") for each in device.cpu.instruction_sets
    }
    assert names <= flags
    assert ("avx2" in flags) == ("AVX2" in device.cpu.instruction_sets)


def test_it_is_true_to_what_this_process_may_use() -> None:
    device = this_cpu()

    assert device.cpu.threads == len(os.sched_getaffinity(0))
    assert device.metrics.memory_total_bytes <= psutil.virtual_memory().total
    assert 0 < device.metrics.memory_used_bytes < device.metrics.memory_total_bytes


def seen_by(*prefix: str, entering: Path | None = None) -> dict[str, dict[str, float]]:
    """What a process tells that keeps a thread busy for a second, in a group if one is named."""
    command = [*prefix, sys.executable, "-c", SHOW]
    if entering is not None:
        command.append(str(entering / "cgroup.procs"))
    return json.loads(subprocess.check_output(command, timeout=60))


def test_a_process_that_is_bound_to_one_thread_has_one() -> None:
    last = max(os.sched_getaffinity(0))

    told = seen_by("taskset", "-c", str(last))

    assert (told["cpu"]["threads"], told["cpu"]["usableCores"]) == (1, 1)
    assert told["metrics"]["utilizationPercent"] > 50


@pytest.fixture
def group() -> Iterator[tuple[Path, bool]]:
    """A control group of a test's own, and whether it is of version 2."""
    own, files = f"funland-test-{uuid.uuid4().hex[:8]}", KernelFiles()
    for line in (files.text("proc/self/mountinfo") or "").splitlines():
        mount, _, rest = line.partition(" - ")
        kind, _, options = rest.split()[:3]
        unified = kind == "cgroup2" and "cpu" in (
            files.text(f"{mount.split()[4][1:]}/cgroup.subtree_control") or ""
        )
        if not unified and not (kind == "cgroup" and "cpu" in options.split(",")):
            continue
        folder = Path(mount.split()[4]) / own
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            yield folder, unified
        finally:
            folder.rmdir()
        return
    pytest.skip("no control group may be made here")


def test_a_process_in_a_group_with_half_a_core_has_half_a_core(group: tuple[Path, bool]) -> None:
    folder, unified = group
    if unified:
        (folder / "cpu.max").write_text("50000 100000")
    else:
        (folder / "cpu.cfs_period_us").write_text("100000")
        (folder / "cpu.cfs_quota_us").write_text("50000")

    told = seen_by(entering=folder)

    assert told["cpu"]["usableCores"] == 0.5
    assert told["cpu"]["threads"] == len(os.sched_getaffinity(0))
    # Where time is counted in another tree than it is limited, it is not known.
    assert told["metrics"].get("utilizationPercent", 1) > 0


def test_a_container_has_its_share_of_a_recorded_machine(tmp_path: Path) -> None:
    group = "sys/fs/cgroup"
    files = tree(tmp_path, {
        "proc/meminfo": "MemTotal: 24000000 kB\nMemAvailable: 20000000 kB\n",
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": "900 800 0:30 /../docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        f"{group}/cpu.max": "100000 100000\n",
        f"{group}/cpu.stat": "usage_usec 1000000\n",
        f"{group}/memory.max": "2147483648\n",
        f"{group}/memory.current": "1073741824\n",
        f"{group}/memory.stat": "inactive_file 0\n",
    })  # fmt: skip
    now = [0.0]
    reader = CpuReader(files, lambda: (0, 1), clock=lambda: now[0])
    reader.look(anew=False)
    now[0] = 10.0
    (tmp_path / group / "cpu.stat").write_text("usage_usec 8500000\n")

    device = reader.look(anew=False).found[0].device

    assert (device.cpu.usable_cores, device.cpu.threads) == (1.0, 2)
    assert device.metrics.utilization_percent == pytest.approx(75)
    assert device.metrics.memory_total_bytes == 2 << 30
    assert device.metrics.memory_used_bytes == 1 << 30


def test_without_nvidia_s_driver_the_real_library_says_so(tmp_path: Path) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("there is a driver")
    with pytest.raises(NoDriverError):
        Nvml(pynvml)

    card = "sys/bus/pci/devices/0000:01:00.0"
    files = tree(tmp_path, {
        f"{card}/class": "0x030000\n", f"{card}/vendor": "0x10de\n", f"{card}/device": "0x2684\n",
        f"{card}/driver": "-> ../../../bus/pci/drivers/nouveau",
    })  # fmt: skip
    (found,) = NvidiaReader(files).look(anew=False).found
    assert found.obstacle == "The driver nouveau has it; nvidia is needed."
    assert found.spare_name == "NVIDIA GPU 10de:2684"

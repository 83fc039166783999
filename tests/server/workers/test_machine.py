"""A control group's limit counts like a machine's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from funland_server.kernel_files import KernelFiles
from funland_server.workers.machine import machine_memory
from tests.server.kernel_tree import tree

MIB = 1024**2
TOTAL, AVAILABLE = 1000 * MIB, 900 * MIB

MACHINE = {"proc/meminfo": f"MemTotal: {TOTAL // 1024} kB\nMemAvailable:  {AVAILABLE // 1024} kB\n"}
UNIFIED = MACHINE | {
    "proc/self/cgroup": "1:cpu:/old\n0::/outer/inner\n",
    "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n",
}
OLDER = MACHINE | {
    "proc/self/cgroup": "4:memory:/outer/inner\n0::/\n",
    "proc/self/mountinfo": (
        "38 37 0:33 / /sys/fs/cgroup/memory rw shared:15 - cgroup cgroup rw,memory\n"
    ),
}

Limit = Callable[[str, str, int, int], dict[str, str]]


def unified(group: str, maximum: str, current: int, idle: int = 0) -> dict[str, str]:
    return {
        f"sys/fs/cgroup/{group}/memory.max": f"{maximum}\n",
        f"sys/fs/cgroup/{group}/memory.current": f"{current}\n",
        f"sys/fs/cgroup/{group}/memory.stat": f"anon 1\ninactive_file {idle}\nslab 2\n",
    }


def older(group: str, maximum: str, current: int, idle: int = 0) -> dict[str, str]:
    folder = f"sys/fs/cgroup/memory/{group}"
    return {
        f"{folder}/memory.limit_in_bytes": maximum.replace("max", "9223372036854771712") + "\n",
        f"{folder}/memory.usage_in_bytes": f"{current}\n",
        f"{folder}/memory.stat": f"inactive_file 1\ntotal_inactive_file {idle}\n",
    }


VERSIONS = pytest.mark.parametrize(
    ("machine", "limit"), [(UNIFIED, unified), (OLDER, older)], ids=["unified", "older"]
)


@VERSIONS
def test_the_lowest_limit_of_all_groups_around_counts(
    tmp_path: Path, machine: dict[str, str], limit: Limit
) -> None:
    groups = {
        **limit("outer", str(512 * MIB), 112 * MIB, 0),
        **limit("outer/inner", "max", 12 * MIB, 0),
    }

    memory = machine_memory(tree(tmp_path, machine | groups))

    assert (memory.total, memory.available) == (512 * MIB, 400 * MIB)


@VERSIONS
def test_unused_pages_of_files_are_to_be_had(
    tmp_path: Path, machine: dict[str, str], limit: Limit
) -> None:
    files = tree(tmp_path, machine | limit("outer/inner", str(512 * MIB), 300 * MIB, 100 * MIB))

    assert machine_memory(files).available == 312 * MIB


@VERSIONS
def test_a_group_over_its_limit_has_nothing(
    tmp_path: Path, machine: dict[str, str], limit: Limit
) -> None:
    files = tree(tmp_path, machine | limit("outer/inner", str(64 * MIB), 65 * MIB, 0))

    assert machine_memory(files).available == 0


def test_without_groups_it_is_the_machine_s(tmp_path: Path) -> None:
    memory = machine_memory(tree(tmp_path, MACHINE))

    assert (memory.total, memory.available) == (TOTAL, AVAILABLE)


def test_it_is_true_to_this_machine() -> None:
    memory = machine_memory(KernelFiles())

    assert 0 < memory.available <= memory.total <= psutil.virtual_memory().total

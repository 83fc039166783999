"""A control group's quota counts like a machine's cores, and its use like theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from funland_server.kernel_files import KernelFiles
from funland_server.workers.processor import (
    CpuTime,
    Processor,
    cpu_time,
    processor,
    utilization_percent,
)
from tests.server.kernel_tree import tree

UNIFIED = "30 23 0:26 / /groups rw shared:4 - cgroup2 cgroup2 rw\n"
OLDER = "37 34 0:32 / /older rw - cgroup cgroup rw,cpu,cpuacct\n"


def place(tmp_path: Path, own: str, files: dict[str, str]) -> KernelFiles:
    mounts = {"proc/self/cgroup": own, "proc/self/mountinfo": UNIFIED + OLDER}
    return tree(tmp_path, mounts | files)


def part_of(files: KernelFiles) -> Processor:
    return processor(files, lambda: (0, 1))


@pytest.mark.parametrize(
    ("own", "files", "usable"),
    [
        ("0::/outer/inner\n", {"groups/outer/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/outer/inner\n", {"groups/outer/inner/cpu.max": "max 100000\n"}, 2.0),
        ("0::/outer/inner\n", {"groups/outer/inner/cpu.max": "800000 100000\n"}, 2.0),
        (
            "3:cpu,cpuacct:/outer\n0::/\n",
            {"older/outer/cpu.cfs_quota_us": "25000", "older/outer/cpu.cfs_period_us": "100000"},
            0.25,
        ),
        ("", {}, 2.0),
    ],
)
def test_the_narrowest_quota_of_all_groups_around_counts(
    tmp_path: Path, own: str, files: dict[str, str], usable: float
) -> None:
    part = part_of(place(tmp_path, own, files))

    assert (part.threads, part.usable_cores, part.limited) == ((0, 1), usable, usable < 2)


@pytest.mark.parametrize(
    ("siblings", "cores"), [(("0-1", "0-1"), 1), (("0", "1"), 2), ((None, None), 2)]
)
def test_two_threads_of_one_core_are_one(
    tmp_path: Path, siblings: tuple[str | None, ...], cores: int
) -> None:
    files = tree(tmp_path, {
        f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list": f"{listed}\n"
        for number, listed in enumerate(siblings) if listed is not None
    })  # fmt: skip

    assert part_of(files).cores == cores


@pytest.mark.parametrize(
    ("own", "files"),
    [
        (
            "0::/outer/inner\n",
            {
                "groups/outer/cpu.max": "50000 100000",
                "groups/outer/cpu.stat": "usage_usec 3000000\nuser_usec 1\n",
                "groups/outer/inner/cpu.stat": "usage_usec 7\n",
            },
        ),
        (
            "3:cpu,cpuacct:/outer\n",
            {
                "older/outer/cpu.cfs_quota_us": "50000", "older/outer/cpu.cfs_period_us": "100000",
                "older/outer/cpuacct.usage": "3000000000\n",
            },
        ),
    ],
)  # fmt: skip
def test_what_a_group_with_a_quota_used_is_the_whole_group_s(
    tmp_path: Path, own: str, files: dict[str, str]
) -> None:
    machine = place(tmp_path, own, files)

    assert cpu_time(part_of(machine), machine, lambda: 5.0) == CpuTime(5.0, 3.0, 0.5)


def test_without_a_quota_it_is_what_ran_on_the_threads_by_whomever(tmp_path: Path) -> None:
    tick = os.sysconf("SC_CLK_TCK")
    machine = place(tmp_path, "", {
        "proc/stat": "cpu  9 9 9 9 9 9 9 9 9 9\n"
        f"cpu0 {tick} {tick} {tick} 900 900 {tick} {tick} {tick} {tick} 0\n"
        f"cpu1 {tick} 0 0 900 0 0 0 0 0 0\ncpu10 5 5 5 5 5 5 5 5 5 5\nintr 1\n",
    })  # fmt: skip

    assert cpu_time(part_of(machine), machine, lambda: 5.0) == CpuTime(5.0, 7.0, 2.0)


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("0::/outer\n", {"groups/outer/cpu.max": "50000 100000"}),
        ("", {"proc/stat": "cpu0 1 2 3 4\n"}),
        ("", {}),
    ],
)
def test_what_is_not_told_is_unknown(tmp_path: Path, own: str, files: dict[str, str]) -> None:
    machine = place(tmp_path, own, files)

    assert cpu_time(part_of(machine), machine) is None


@pytest.mark.parametrize(
    ("before", "after", "percent"),
    [
        (CpuTime(0, 10, 0.5), CpuTime(10, 12.5, 0.5), 50.0),
        (CpuTime(0, 10, 2), CpuTime(10, 10, 2), 0.0),
        (CpuTime(0, 10, 2), CpuTime(10, 31, 2), 100.0),  # what was booked late
        (CpuTime(0, 10, 2), CpuTime(0, 10, 2), None),
        (CpuTime(0, 10, 2), CpuTime(10, 3, 2), None),
        (CpuTime(0, 10, 2), CpuTime(10, 11, 1), None),
    ],
)
def test_what_is_in_use_is_told_of_what_may_be_used(
    before: CpuTime, after: CpuTime, percent: float | None
) -> None:
    assert utilization_percent(before, after) == percent


def test_this_process_may_use_no_more_than_the_machine_has() -> None:
    part = processor()

    assert 1 <= part.cores <= len(part.threads) <= (os.cpu_count() or 1)
    assert 0 < part.usable_cores <= len(part.threads)
    before, after = cpu_time(part), cpu_time(part)
    assert before is not None
    assert after is not None
    assert after.used >= before.used

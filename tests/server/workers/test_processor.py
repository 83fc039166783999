"""A control group's quota counts like a machine's cores, and its use like theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from funland_server.workers.processor import CpuTime, cpu_time, processor, utilization_percent


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def bound_to(_: int) -> set[int]:
        return {0, 1}

    monkeypatch.setattr(os, "sched_getaffinity", bound_to)


def place(tmp_path: Path, own: str) -> tuple[Path, Path]:
    file = tmp_path / "cgroup"
    file.write_text(own)
    groups = tmp_path / "groups"
    for folder in ("outer/inner", "cpu/outer"):
        (groups / folder).mkdir(parents=True)
    return groups, file


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("own", "files", "usable"),
    [
        ("0::/outer/inner\n", {"outer/cpu.max": "50000 100000\n"}, 0.5),
        (
            "0::/outer/inner\n",
            {"outer/cpu.max": "150000 100000", "outer/inner/cpu.max": "100000 100000"},
            1.0,
        ),
        ("0::/outer/inner\n", {"outer/inner/cpu.max": "max 100000\n"}, 2.0),
        ("0::/outer/inner\n", {"outer/inner/cpu.max": "800000 100000\n"}, 2.0),
        ("0::/elsewhere/by/the/host\n", {"cpu.max": "100000 100000\n"}, 1.0),
        (
            "3:cpu,cpuacct:/outer\n0::/\n",
            {"cpu/outer/cpu.cfs_quota_us": "25000\n", "cpu/outer/cpu.cfs_period_us": "100000\n"},
            0.25,
        ),
        (
            "3:cpu,cpuacct:/outer\n",
            {"cpu/outer/cpu.cfs_quota_us": "-1\n", "cpu/outer/cpu.cfs_period_us": "100000\n"},
            2.0,
        ),
        ("0::/../outer\n", {"outer/cpu.max": "50000 100000\n"}, 2.0),
        ("", {}, 2.0),
    ],
)
def test_the_narrowest_quota_of_all_groups_around_counts(
    tmp_path: Path, own: str, files: dict[str, str], usable: float
) -> None:
    groups, own_group = place(tmp_path, own)
    for name, held in files.items():
        (groups / name).write_text(held)

    part = processor(groups, own_group)

    assert (part.threads, part.usable_cores) == ((0, 1), usable)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("siblings", "cores"), [(("0-1", "0-1"), 1), (("0", "1"), 2), ((None, None), 2)]
)
def test_two_threads_of_one_core_are_one(
    tmp_path: Path, siblings: tuple[str | None, ...], cores: int
) -> None:
    for number, listed in enumerate(siblings):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        if listed is not None:
            (folder / "thread_siblings_list").write_text(f"{listed}\n")

    assert processor(tmp_path, tmp_path / "none", tmp_path).cores == cores


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("name", "held"),
    [("cpu.stat", "usage_usec 3000000\nuser_usec 1\n"), ("cpuacct.usage", "3000000000\n")],
)
def test_what_a_group_with_a_quota_used_is_the_whole_group_s(
    tmp_path: Path, name: str, held: str
) -> None:
    groups, own_group = place(tmp_path, "0::/outer/inner\n")
    (groups / "outer" / "cpu.max").write_text("50000 100000\n")
    (groups / "outer" / name).write_text(held)
    (groups / "outer" / "inner" / "cpu.stat").write_text("usage_usec 7\n")

    assert cpu_time(processor(groups, own_group), lambda: 5.0) == CpuTime(5.0, 3.0, 0.5)


@pytest.mark.usefixtures("two_threads")
def test_the_use_of_a_group_that_does_not_tell_is_unknown(tmp_path: Path) -> None:
    groups, own_group = place(tmp_path, "0::/outer/inner\n")
    (groups / "outer" / "cpu.max").write_text("50000 100000\n")

    assert cpu_time(processor(groups, own_group)) is None


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

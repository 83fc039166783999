"""A control group's limit counts like a machine's."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from funland_server.workers.machine import machine_memory

MIB = 1024**2


@pytest.fixture
def own_group(tmp_path: Path) -> Path:
    file = tmp_path / "cgroup"
    file.write_text("1:cpu:/old\n0::/outer/inner\n")
    return file


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    groups = tmp_path / "groups"
    (groups / "outer" / "inner").mkdir(parents=True)
    return groups


def limit(group: Path, maximum: str, current: int, inactive_file: int = 0) -> None:
    (group / "memory.max").write_text(f"{maximum}\n")
    (group / "memory.current").write_text(f"{current}\n")
    (group / "memory.stat").write_text(f"anon 1\ninactive_file {inactive_file}\nslab 2\n")


def test_the_lowest_limit_of_all_groups_around_counts(groups: Path, own_group: Path) -> None:
    limit(groups / "outer", str(512 * MIB), 112 * MIB)
    limit(groups / "outer" / "inner", "max", 12 * MIB)

    memory = machine_memory(groups, own_group)

    assert (memory.total, memory.available) == (512 * MIB, 400 * MIB)


def test_unused_pages_of_files_are_to_be_had(groups: Path, own_group: Path) -> None:
    limit(groups / "outer" / "inner", str(512 * MIB), 300 * MIB, inactive_file=100 * MIB)

    assert machine_memory(groups, own_group).available == 312 * MIB


def test_a_group_over_its_limit_has_nothing(groups: Path, own_group: Path) -> None:
    limit(groups / "outer" / "inner", str(64 * MIB), 65 * MIB)

    assert machine_memory(groups, own_group).available == 0


def test_a_limit_of_the_older_groups_counts_too(groups: Path, own_group: Path) -> None:
    own_group.write_text("4:memory:/outer\n0::/\n")
    outer = groups / "memory" / "outer"
    outer.mkdir(parents=True)
    (outer / "memory.limit_in_bytes").write_text(f"{512 * MIB}\n")
    (outer / "memory.usage_in_bytes").write_text(f"{300 * MIB}\n")
    (outer / "memory.stat").write_text(f"inactive_file 0\ntotal_inactive_file {100 * MIB}\n")

    memory = machine_memory(groups, own_group)

    assert (memory.total, memory.available) == (512 * MIB, 312 * MIB)


def test_without_groups_it_is_the_machine_s(tmp_path: Path) -> None:
    memory = machine_memory(tmp_path / "none", tmp_path / "none")

    assert memory.total == psutil.virtual_memory().total
    assert 0 < memory.available <= memory.total

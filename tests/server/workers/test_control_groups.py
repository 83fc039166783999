"""Groups are found where they are mounted, and their processor time is counted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from funland_server.workers.control_groups import (
    ControlGroups,
    CpuQuota,
    cpu_quota,
    own_groups,
    used_seconds,
)
from tests.server.kernel_tree import tree

PLAIN = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
HYBRID = (
    "34 23 0:29 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "35 34 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    "37 34 0:32 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)
CONTAINER = (
    "612 600 0:32 /docker/ab /sys/fs/cgroup/cpu,cpuacct ro master:11"
    " - cgroup cgroup rw,cpu,cpuacct\n"
)
CPU = "sys/fs/cgroup/cpu,cpuacct"


@pytest.mark.parametrize(
    ("own", "mounts", "expected"),
    [
        pytest.param("", "", ControlGroups(), id="none"),
        pytest.param("0::/\n", "", ControlGroups(), id="no mount"),
        pytest.param("", PLAIN, ControlGroups(), id="no group"),
        pytest.param("0::/\n", PLAIN, ControlGroups(("sys/fs/cgroup",)), id="a namespace's root"),
        pytest.param(
            "0::/a/b\n", PLAIN,
            ControlGroups(("sys/fs/cgroup/a/b", "sys/fs/cgroup/a", "sys/fs/cgroup")), id="nested",
        ),
        pytest.param("0::/../b\n", PLAIN, ControlGroups(("sys/fs/cgroup",)), id="outside"),
        pytest.param(
            "0::/a\n", PLAIN.replace("/sys/fs", r"/my\040own"),
            ControlGroups(("my own/cgroup/a", "my own/cgroup")), id="a place with a space",
        ),
        pytest.param(
            "4:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/c\n", HYBRID,
            ControlGroups(
                ("sys/fs/cgroup/unified/c", "sys/fs/cgroup/unified"),
                {"cpu": (f"{CPU}/a", CPU), "cpuacct": (f"{CPU}/a", CPU)},
            ),
            id="both versions",
        ),
        pytest.param(
            "4:cpu,cpuacct:/docker/ab/in\n", CONTAINER,
            ControlGroups((), {"cpu": (f"{CPU}/in", CPU), "cpuacct": (f"{CPU}/in", CPU)}),
            id="a container's mount",
        ),
        pytest.param(
            "4:cpu,cpuacct:/docker/abc\n", CONTAINER,
            ControlGroups((), {"cpu": (CPU,), "cpuacct": (CPU,)}), id="not below the mount",
        ),
        pytest.param("nonsense\n\n0\n", "1 2\n - cgroup2\n", ControlGroups(), id="nonsense"),
    ],
)  # fmt: skip
def test_groups_are_found(tmp_path: Path, own: str, mounts: str, expected: ControlGroups) -> None:
    files = tree(tmp_path, {"proc/self/cgroup": own, "proc/self/mountinfo": mounts})

    assert own_groups(files) == expected


UNIFIED = ControlGroups(("g/a", "g"))
OLDER = ControlGroups((), {"cpu": ("cpu/a", "cpu"), "cpuacct": ("acct/a", "acct")})


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        pytest.param(UNIFIED, {}, None, id="nothing told"),
        pytest.param(UNIFIED, {"g/a/cpu.max": "max 100000\n"}, None, id="no limit"),
        pytest.param(
            UNIFIED, {"g/a/cpu.max": "150000 100000\n", "g/a/cpu.stat": "usage_usec 2500000\n"},
            CpuQuota(1.5, "g/a/cpu.stat"), id="one and a half",
        ),
        pytest.param(
            UNIFIED,
            {
                "g/a/cpu.max": "150000 100000", "g/a/cpu.stat": "usage_usec 1",
                "g/cpu.max": "20000 40000", "g/cpu.stat": "user_usec 3\nusage_usec 4000000\n",
            },
            CpuQuota(0.5, "g/cpu.stat"), id="the one around has less",
        ),
        pytest.param(
            UNIFIED, {"g/a/cpu.max": "50000 100000"}, CpuQuota(0.5, "g/a/cpu.stat"), id="half",
        ),
        pytest.param(UNIFIED, {"g/a/cpu.max": "50000 0"}, None, id="nonsense"),
        pytest.param(
            OLDER, {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
            None, id="older, no limit",
        ),
        pytest.param(
            OLDER,
            {
                "cpu/a/cpu.cfs_quota_us": "200000\n", "cpu/a/cpu.cfs_period_us": "100000\n",
                "acct/a/cpuacct.usage": "3500000000\n",
            },
            CpuQuota(2.0, "acct/a/cpuacct.usage"), id="older",
        ),
    ],
)  # fmt: skip
def test_a_quota_is_read(
    tmp_path: Path, groups: ControlGroups, files: Mapping[str, str], expected: CpuQuota | None
) -> None:
    assert cpu_quota(tree(tmp_path, files), groups) == expected


@pytest.mark.parametrize(
    ("account", "files", "seconds"),
    [
        ("g/cpu.stat", {"g/cpu.stat": "user_usec 3\nusage_usec 4000000\n"}, 4.0),
        ("g/cpu.stat", {"g/cpu.stat": "nothing\n"}, None),
        ("g/cpu.stat", {}, None),
        ("g/cpuacct.usage", {"g/cpuacct.usage": "3500000000\n"}, 3.5),
        ("g/cpuacct.usage", {}, None),
    ],
)
def test_what_a_group_has_taken_is_counted(
    tmp_path: Path, account: str, files: dict[str, str], seconds: float | None
) -> None:
    assert used_seconds(tree(tmp_path, files), account) == seconds

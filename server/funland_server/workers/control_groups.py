"""The control groups that this process is in, whichever version the kernel has, wherever mounted.

https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/
and proc_pid_mountinfo(5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from funland_server.kernel_files import KernelFiles, whole

_ACCOUNT: Final = "cpu.stat"


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """Folders, each with this process's own group first, then those around it. Empty: none."""

    unified: tuple[str, ...] = ()
    """Of version 2."""
    controllers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Of version 1, by the controller's name."""


@dataclass(frozen=True, slots=True)
class CpuQuota:
    """The processor time that a group may take."""

    cores: float
    """In seconds a second."""
    account: str | None
    """The file that counts what it has taken; see `used_seconds`."""


def own_groups(files: KernelFiles) -> ControlGroups:
    """Those of this process; mounts without a group of ours are left out."""
    paths: dict[str, str] = {}
    for line in (files.text("proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        paths.update(dict.fromkeys(names.split(","), path))
    unified: tuple[str, ...] = ()
    controllers: dict[str, tuple[str, ...]] = {}
    for root, mount, kind, options in _mounts(files):
        if kind == "cgroup2" and "" in paths:
            unified = unified or _ancestry(mount, root, paths[""])
        elif kind == "cgroup":
            for name in options.split(","):
                if name in paths and name not in controllers:
                    controllers[name] = _ancestry(mount, root, paths[name])
    return ControlGroups(unified, controllers)


def cpu_quota(files: KernelFiles, groups: ControlGroups) -> CpuQuota | None:
    """The least that this process's group and those around it may take; None: no limit."""
    quotas = [*_unified_quotas(files, groups), *_older_quotas(files, groups)]
    return min(quotas, key=lambda quota: quota.cores, default=None)


def used_seconds(files: KernelFiles, account: str) -> float | None:
    """What a group has taken of processor time since it was made."""
    if account.endswith(_ACCOUNT):
        microseconds = counted(files.text(account), "usage_usec")
        return None if microseconds is None else microseconds / 1e6
    nanoseconds = files.number(account)
    return None if nanoseconds is None else nanoseconds / 1e9


def _unified_quotas(files: KernelFiles, groups: ControlGroups) -> Iterator[CpuQuota]:
    for group in groups.unified:
        quota, _, period = (files.text(f"{group}/cpu.max") or "").partition(" ")
        if (cores := _ratio(whole(quota), whole(period))) is not None:
            yield CpuQuota(cores, f"{group}/{_ACCOUNT}")


def _older_quotas(files: KernelFiles, groups: ControlGroups) -> Iterator[CpuQuota]:
    folders = groups.controllers.get("cpu", ())
    accounts = groups.controllers.get("cpuacct", ())
    for number, group in enumerate(folders):
        # Without a limit the quota is -1, which is no number here.
        quota = files.number(f"{group}/cpu.cfs_quota_us")
        if (cores := _ratio(quota, files.number(f"{group}/cpu.cfs_period_us"))) is not None:
            # Unless the two trees have the same depth, its time is counted with that of others.
            same = len(accounts) == len(folders)
            yield CpuQuota(cores, f"{accounts[number]}/cpuacct.usage" if same else None)


def counted(text: str | None, name: str) -> int | None:
    """The number behind a name, in a file with a name and a number a line."""
    for line in (text or "").splitlines():
        found, _, value = line.partition(" ")
        if found == name:
            return whole(value.strip())
    return None


def _ratio(quota: int | None, period: int | None) -> float | None:
    return quota / period if quota and period else None


def _mounts(files: KernelFiles) -> Iterator[tuple[str, str, str, str]]:
    """Each mount's root in its file system, its place, the file system's type and its options."""
    for line in (files.text("proc/self/mountinfo") or "").splitlines():
        ours, _, theirs = line.partition(" - ")
        fields, (kind, _, options) = ours.split(), (*theirs.split(), "", "", "")[:3]
        if kind.startswith("cgroup") and len(fields) > 4:  # noqa: PLR2004 - up to the place
            yield _plain(fields[3]), _plain(fields[4]).strip("/"), kind, options


def _plain(path: str) -> str:
    """A path whose spaces mountinfo has as octal numbers."""
    return path.replace(r"\040", " ")


def _ancestry(mount: str, root: str, path: str) -> tuple[str, ...]:
    """The group's folder and those around it, up to the mount's own. A group that is not below the
    mount's root is the mount itself: that is how a container sees it."""
    root = root.rstrip("/")
    inside = path.removeprefix(root) if path == root or path.startswith(f"{root}/") else ""
    parts = [part for part in inside.split("/") if part]
    if ".." in parts:
        parts = []
    return tuple("/".join([mount, *parts[:length]]) for length in range(len(parts), -1, -1))

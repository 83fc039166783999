"""The control groups that this process is in, of both versions of them.

https://docs.kernel.org/admin-guide/cgroup-v2.html and, for the older ones,
https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")


def own_groups(controller: str, groups: Path = GROUPS, own: Path = OWN_GROUP) -> Iterator[Path]:
    """The folders of this process's group and of those around it, which limit it too: of the one
    tree of all controllers, then of the older tree of this one, such as `memory`.

    A folder need not be there: from inside a container the names of outer groups lead nowhere.
    """
    for line in text(own).splitlines():
        _, controllers, name = (*line.split(":", 2), "", "")[:3]
        if not name.startswith("/") or ".." in name:
            continue
        if controllers == "":
            yield from _ancestry(groups, name)
        elif controller in controllers.split(","):
            yield from _ancestry(groups / controller, name)


def number(path: Path) -> int | None:
    """The whole number that a file holds; None if it holds none, such as `max`, or is not there."""
    held = text(path).strip()
    return int(held) if held.isdecimal() else None


def entry(path: Path, name: str) -> int | None:
    """The number behind a name in a file with a name and a number a line, such as `cpu.stat`."""
    for line in text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return None


def text(path: Path) -> str:
    """What a file holds; nothing if it can't be read."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):  # another system, or an older kernel
        return ""


def _ancestry(root: Path, name: str) -> Iterator[Path]:
    group = root / name.lstrip("/")
    while group != root:
        yield group
        group = group.parent
    yield root

"""Leaves out of a recording what tells one machine, or its users, from others."""

from __future__ import annotations

import hashlib
import re
from typing import Any

_KEPT = {
    "proc/self/mountinfo": rb" - cgroup",
    "proc/stat": rb"^cpu",
    "proc/meminfo": rb"^Mem",
}
"""Of these files, the lines that have it."""
_DEVICES = ("/dev/dri/", "/dev/accel/")


def file_without_secrets(path: str, content: bytes) -> bytes:
    """A file's content, with made-up numbers in place of those that are one machine's own."""
    kept = rb"^drm-" if "/fdinfo/" in path else _KEPT.get(path)
    if kept is not None:
        lines = content.splitlines(keepends=True)
        content = b"".join(line for line in lines if re.search(kept, line))
    if path.endswith("/unique_id"):
        return hashlib.sha256(content).hexdigest()[:16].encode() + b"\n"
    if path.startswith("proc/self/"):
        return re.sub(rb"[0-9a-f]{12,}", lambda found: b"0" * len(found[0]), content)
    return content


def path_without_secrets(path: str) -> str:
    """A file's path, with the same numbers in place of a control group's."""
    return re.sub(r"[0-9a-f]{12,}", lambda found: "0" * len(found[0]), path)


def link_is_told(path: str, target: str) -> bool:
    """Whether a link is of interest: what else programs have open is their own affair."""
    return not path.startswith("proc/") or target.startswith(_DEVICES)


def nvml_without_secrets(answer: Any) -> Any:
    """An answer with another uuid in place of the card's own."""
    if not isinstance(answer, str):
        return answer
    return re.sub(
        r"\b(GPU|MIG)-([0-9a-f]{8})-[0-9a-f-]{27}",
        lambda found: f"{found[1]}-{_made_up(found[0])}",
        answer,
    )


def _made_up(uuid: str) -> str:
    digits = hashlib.sha256(uuid.encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))

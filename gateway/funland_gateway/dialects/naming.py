"""Gives the contract's fields the names that a request used."""

from __future__ import annotations

import re
from collections.abc import Mapping


def renamed(path: str, names: Mapping[str, str]) -> str:
    """The path with the longest of its beginnings that `names` has replaced.

    A beginning ends before a `.` or a `[`: with `{"options.n": "n", "tools[0]": "functions[0]"}`,
    `tools[0].name` is `functions[0].name`, and `options.nose` stays.
    """
    ends = [len(path), *(match.start() for match in re.finditer(r"[.\[]", path))]
    for end in sorted(ends, reverse=True):
        name = names.get(path[:end])
        if name is not None:
            return name + path[end:]
    return path

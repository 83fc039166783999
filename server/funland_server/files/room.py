"""Whether the disk has room for what is to come: a sum."""

from __future__ import annotations


def lacks_room(free: int, reserve: int, promised: int, size: int) -> bool:
    """Whether `size` more bytes can't come: what was promised to others counts as taken, and
    `reserve` stays free. Nothing at all always can."""
    return size > 0 and size + promised + reserve > free

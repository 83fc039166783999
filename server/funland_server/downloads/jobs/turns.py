"""Who has a turn, and who waits for one: no I/O."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from funland.v1.downloads_pb2 import Download
from funland_server.downloads.jobs.machine import ACTIVE, State

Priority: TypeAlias = Download.Priority.ValueType

_RANK: Final = {Download.HIGH: 0, Download.NORMAL: 1, Download.LOW: 2}


@dataclass(frozen=True, slots=True)
class Place:
    """What the order of a download depends on."""

    download_id: str
    state: State
    priority: Priority
    arrival: int
    """Its number in order of arrival."""


@dataclass(frozen=True, slots=True)
class Turns:
    """What is to change."""

    begin: Sequence[str] = ()
    """Those that get a turn."""
    give_way: Sequence[str] = ()
    """Those that lose theirs."""


def queue(places: Collection[Place]) -> list[Place]:
    """Those that wait for a turn, the next first."""
    return sorted((one for one in places if one.state == Download.QUEUED), key=_order)


def decide(places: Collection[Place], most: int | None) -> Turns:
    """Who begins and who gives way, where `most` may have a turn at once; None: nothing is to be
    sent, and those that are queued go on when that is over.

    Only one of HIGH priority makes another give way, and that there are fewer turns than before:
    the last of the lowest.
    """
    if most is None:
        fetching = (one for one in places if one.state == Download.DOWNLOADING)
        return Turns(give_way=tuple(one.download_id for one in fetching))
    waiting = queue(places)
    active = sorted((one for one in places if one.state in ACTIVE), key=_order)
    free = max(most - len(active), 0)
    begin, rest = waiting[:free], waiting[free:]
    stoppable = [one for one in active if one.state == Download.DOWNLOADING]
    give_way: list[Place] = []
    while stoppable and len(active) - len(give_way) > most:
        give_way.append(stoppable.pop())
    for one in rest:
        if one.priority != Download.HIGH or not stoppable:
            break
        last = stoppable.pop()
        if last.priority == Download.HIGH:
            break
        give_way.append(last)
        begin.append(one)
    return Turns(
        tuple(one.download_id for one in begin), tuple(one.download_id for one in give_way)
    )


def _order(place: Place) -> tuple[int, int]:
    return _RANK.get(place.priority, _RANK[Download.NORMAL]), place.arrival

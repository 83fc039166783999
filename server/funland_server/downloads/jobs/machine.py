"""A download's life: (state, event) -> (state, commands), no I/O, no clock.

    QUEUED ──────> DOWNLOADING ──────> INSTALLING ──────> COMPLETED
      ^  ^           │ │ │  └─> QUEUED (another goes first)
      │  └─ WAITING <┘ │ └────> FAILED ──┐
      └──── PAUSED <───┘                 │ retry
      └──────────────────── CANCELLED ───┘

What comes too late, such as the end of a transfer that was stopped, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import Error

State: TypeAlias = Download.State.ValueType

ENDED: Final = (Download.COMPLETED, Download.FAILED, Download.CANCELLED)
"""The states that a download does not leave by itself."""
ACTIVE: Final = (Download.DOWNLOADING, Download.INSTALLING)
"""Those that have a turn."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a download stands."""

    state: State = Download.QUEUED
    error: Error | None = None
    """Why it failed, waits or was paused."""
    wait_until: float | None = None
    """Seconds since 1970 until which it waits."""


class Action(Enum):
    """What callers ask for."""

    PAUSE = auto()
    RESUME = auto()
    CANCEL = auto()
    RETRY = auto()


class Sign(Enum):
    """What happens by itself."""

    TURN = auto()
    """The queue gives it a turn."""
    GIVE_WAY = auto()
    """The queue takes its turn back."""
    TIME = auto()
    """What it waited for has passed."""
    FETCHED = auto()
    """All files are there and right."""
    INSTALLED = auto()
    """The model is registered."""
    RESTARTED = auto()
    """The server starts, after whatever end it had."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """No server can be asked before a time."""

    until: float
    error: Error


@dataclass(frozen=True, slots=True)
class Full:
    """The disk has no room."""

    error: Error


@dataclass(frozen=True, slots=True)
class Broken:
    """It can't be done."""

    error: Error


Event: TypeAlias = Action | Sign | Stalled | Full | Broken


class Command(Enum):
    """What the runner is to do."""

    FETCH = auto()
    STOP = auto()
    """End the transfer or the installation; what is there stays."""
    INSTALL = auto()
    DISCARD = auto()
    """Remove what was fetched."""


Step: TypeAlias = tuple[Standing, tuple[Command, ...]]

_QUEUED: Final = Standing(Download.QUEUED)
_PAUSED: Final = Standing(Download.PAUSED)
_CANCELLED: Final = Standing(Download.CANCELLED)
_BY_ITSELF: Final[dict[tuple[State, Sign], Step]] = {
    (Download.QUEUED, Sign.TURN): (Standing(Download.DOWNLOADING), (Command.FETCH,)),
    (Download.WAITING, Sign.TIME): (_QUEUED, ()),
    (Download.DOWNLOADING, Sign.GIVE_WAY): (_QUEUED, (Command.STOP,)),
    (Download.DOWNLOADING, Sign.FETCHED): (Standing(Download.INSTALLING), (Command.INSTALL,)),
    (Download.DOWNLOADING, Sign.RESTARTED): (_QUEUED, ()),
    (Download.INSTALLING, Sign.INSTALLED): (Standing(Download.COMPLETED), (Command.DISCARD,)),
    (Download.INSTALLING, Sign.RESTARTED): (_QUEUED, ()),
}


def is_allowed(state: State, action: Action) -> bool:
    """Whether callers may ask for it."""
    match action:
        case Action.PAUSE | Action.RESUME:
            return state not in ENDED
        case Action.CANCEL:
            return state not in (Download.COMPLETED, Download.FAILED)
        case Action.RETRY:
            return state in (Download.FAILED, Download.CANCELLED)


def step(standing: Standing, event: Event) -> Step:
    """What follows from an event. What is not allowed changes nothing."""
    if isinstance(event, Action):
        return _asked(standing, event) if is_allowed(standing.state, event) else (standing, ())
    if isinstance(event, Sign):
        return _BY_ITSELF.get((standing.state, event), (standing, ()))
    return _ended(standing, event)


def _ended(standing: Standing, end: Stalled | Full | Broken) -> Step:
    """How a transfer or an installation ended that did not come to its own end."""
    match standing.state, end:
        case Download.DOWNLOADING, Stalled(until, error):
            return Standing(Download.WAITING, error, until), ()
        case ((Download.DOWNLOADING | Download.INSTALLING), Full(error)):
            return Standing(Download.PAUSED, error), ()
        case ((Download.DOWNLOADING | Download.INSTALLING), Broken(error)):
            return Standing(Download.FAILED, error), ()
        case _:
            return standing, ()


def _asked(standing: Standing, action: Action) -> Step:
    stop = (Command.STOP,) if standing.state in ACTIVE else ()
    match action:
        case Action.PAUSE:
            return (standing, ()) if standing.state == Download.PAUSED else (_PAUSED, stop)
        case Action.RESUME:
            idle = standing.state in (Download.PAUSED, Download.WAITING)
            return (_QUEUED, ()) if idle else (standing, ())
        case Action.CANCEL:
            if standing.state == Download.CANCELLED:
                return standing, ()
            return _CANCELLED, (*stop, Command.DISCARD)
        case Action.RETRY:
            return _QUEUED, ()

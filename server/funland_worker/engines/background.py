"""Decides when texts that nobody waits for are computed beside those that somebody does."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple, Protocol, TypeVar

SHARE = 0.08
"""How much longer others may take, on average, for what nobody waits for."""

_WEIGHT = 0.25
_REFRESHED = 16
"""After so many passes of all in a row comes one of the live texts alone: what that takes changes
as texts grow."""
_FIRST_COST_MS = 50.0
"""What a pass of texts that nobody waits for is taken to cost before there was one."""
_MOST_DEBT_MS = 1000.0
_UNUSUAL = 4.0
"""What takes so much longer than usual is a pause of the machine, for which nobody pays."""
_KEPT_SECONDS = 1.0
"""For so long the slots that live texts had are kept free for the next ones, then half of them."""


class Part(Enum):
    """Who takes part in a pass."""

    ALL = auto()
    LIVE = auto()
    """Those that somebody waits for."""
    BACKGROUND = auto()
    """Those that nobody waits for."""


class Crowd(NamedTuple):
    """The texts that could be computed now."""

    writing: int
    """Of those that somebody waits for, how many advance by a token."""
    prompts: int
    """How many of those have a prompt that is not computed."""
    background: int
    """How many nobody waits for."""


NOBODY = Crowd(0, 0, 0)


class Background:
    """Keeps what the background costs the live texts near a share of their own time.

    It is a debt: a pass of all adds what it took longer than one of the live texts alone takes on
    average, and time that live texts spend pays a share of itself off. While there is debt, the
    background pauses. So a model for which more rows cost nothing takes all along in each pass, and
    one for which each row costs takes them along now and then, all at once, since that is cheapest.

    While a live prompt is computed, none goes with it: its caller waits for the first token. The
    background then saves up for a pass of its own, so that prompts without end don't starve it.
    """

    def __init__(self) -> None:
        self.jobs = 0
        """How many jobs wait for their turn beside live texts, or have one."""
        self._alone: dict[int, float] = {}
        """What a pass of so many live texts that write takes alone, in milliseconds."""
        self._debt = 0.0
        self._cost: float | None = None
        self._beside: float | None = None
        """What a pass of all takes."""
        self._together = 0
        self._kept = 0
        self._kept_since = 0.0

    def part(self, crowd: Crowd) -> Part:
        """Who takes part in the next pass."""
        if not crowd.background or not (crowd.writing or crowd.prompts):
            return Part.ALL
        if crowd.prompts:
            return Part.BACKGROUND if self._saved else Part.LIVE
        if crowd.writing not in self._alone or self._together >= _REFRESHED or self._debt > 0:
            return Part.LIVE
        return Part.ALL

    def lets_job(self, crowd: Crowd) -> bool:
        """Whether a piece of a job may be done now, before the next pass."""
        if crowd.prompts:
            return self._saved
        return not crowd.writing or self._debt <= 0

    def measured(self, part: Part, crowd: Crowd, milliseconds: float) -> None:
        """Learns from a pass of that part of a crowd."""
        if not (crowd.writing or crowd.prompts):
            return
        if part is Part.BACKGROUND:
            self.spent(milliseconds)
        elif crowd.prompts:
            self._owe(-SHARE * milliseconds)
        elif part is Part.LIVE or not crowd.background:
            self._together = 0
            before = self._alone.get(crowd.writing)
            self._alone[crowd.writing] = _moved(before, _usual(before, milliseconds))
            self._owe(-SHARE * milliseconds)
        elif (alone := self._alone.get(crowd.writing)) is not None:
            self._together += 1
            taken = _usual(self._beside, milliseconds)
            self._beside = _moved(self._beside, taken)
            self._owe(taken - alone - SHARE * alone)

    def spent(self, milliseconds: float) -> None:
        """Learns that a pass of the background, or a piece of a job, kept live texts waiting."""
        taken = _usual(self._cost, milliseconds)
        self._cost = _moved(self._cost, taken)
        self._owe(taken)

    def kept_slots(self, crowd: Crowd, now: float) -> int:
        """How many slots stay free for live texts that come soon, at this time in seconds: as many
        as had one lately. Who begins there would have to give way at once."""
        live = crowd.writing + crowd.prompts
        if live >= self._kept:
            self._kept, self._kept_since = live, now
        elif now - self._kept_since >= _KEPT_SECONDS:
            self._kept, self._kept_since = max(live, self._kept // 2), now
        return self._kept - live

    @property
    def _saved(self) -> bool:
        """Whether there is time for a pass of the background alone."""
        return self._debt <= -(self._cost or _FIRST_COST_MS)

    def _owe(self, milliseconds: float) -> None:
        least = -(self._cost or _FIRST_COST_MS)
        self._debt = max(least, min(_MOST_DEBT_MS, self._debt + milliseconds))


class Text(Protocol):
    """What there is to know of a text that runs."""

    @property
    def background(self) -> bool:
        """Whether nobody waits for it."""
        ...

    @property
    def decoding(self) -> bool:
        """Whether it advances by one token a step, its prompt being computed."""
        ...


Running = TypeVar("Running", bound=Text)


def crowd_of(running: Sequence[Text], waiting: int, background: Background) -> Crowd:
    """Whom a pass could compute, if so many wait that nobody waits for; empty if there is no
    background at all."""
    count = sum(text.background for text in running) + waiting
    if count == 0 and not background.jobs:
        return NOBODY
    live = [text.decoding for text in running if not text.background]
    writing = sum(live)
    return Crowd(writing, len(live) - writing, count)


def taking_part(running: list[Running], part: Part) -> list[Running]:
    """Those of them that take part in a pass, in their order."""
    if part is Part.ALL:
        return running
    return [text for text in running if text.background == (part is Part.BACKGROUND)]


def beside_live(part: Part, crowd: Crowd) -> bool:
    """Whether all prompts of a pass are such that nobody waits for, while others are waited for."""
    if part is Part.ALL:
        return crowd.background > 0 and crowd.writing > 0
    return part is Part.BACKGROUND


def youngest_background(running: Sequence[Running]) -> Running | None:
    """Who gives way first of those that nobody waits for; None if there is nobody."""
    return next((text for text in reversed(running) if text.background), None)


def _usual(average: float | None, value: float) -> float:
    """A value without what is unusual of it."""
    return value if average is None else min(value, _UNUSUAL * average)


def _moved(average: float | None, value: float) -> float:
    """A moving average after one more value."""
    return value if average is None else average + _WEIGHT * (value - average)

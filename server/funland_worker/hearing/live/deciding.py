"""Decides what is heard next of what was said so far."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_LEAST_FRESH_SECONDS: Final = 0.6
"""So much more has to be said before it is heard again what it may become."""
_MOST_WAITING_SECONDS: Final = 30.0
"""When more is to be heard, no more is taken from the caller."""


class Action(Enum):
    """What to do next."""

    UTTERANCE = auto()
    """Hear what was said whole."""
    PARTIAL = auto()
    """Hear what is being said."""
    WAIT = auto()
    """Wait until more comes."""
    END = auto()
    """All was heard."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How a conversation is."""

    waiting: int
    """How many utterances are whole and were not heard yet."""
    over: bool
    """Whether no more comes."""
    partials: bool
    """Whether it is told what an utterance may become."""
    open_seconds: float = 0.0
    """How long the utterance is so far that is not whole; 0: there is none."""
    heard_seconds: float = 0.0
    """How much of it was heard the last time."""
    took_seconds: float = 0.0
    """How long that took."""


def next_action(moment: Moment) -> Action:
    """What to do. What is whole goes first; what is not is heard no more than half of the time."""
    if moment.waiting:
        return Action.UTTERANCE
    if moment.over:
        return Action.END
    fresh = moment.open_seconds - moment.heard_seconds
    if moment.partials and fresh >= max(_LEAST_FRESH_SECONDS, 2 * moment.took_seconds):
        return Action.PARTIAL
    return Action.WAIT


def has_room(waiting_seconds: float) -> bool:
    """Whether more is taken from the caller, when so much is whole and was not heard yet."""
    return waiting_seconds < _MOST_WAITING_SECONDS

"""What a failed answer means for a download: a table, no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_LONGEST_BACKOFF: Final = 60.0
_PASSING: Final = frozenset({408, 425, 429})


class Kind(Enum):
    """How a request for bytes failed."""

    BROKEN_OFF = auto()
    """The line or the server failed: no connection, no answer, a stall, a body cut short."""
    STATUS = auto()
    """The server answered with a status that has no bytes."""
    NO_RANGE = auto()
    """It sent the whole file where a part was asked for."""
    WRONG_RANGE = auto()
    """It sent another part, or a form of parts that was not asked for."""
    BEYOND_END = auto()
    """It says that the file ends before what was asked for."""
    CHANGED = auto()
    """It has another version of the file now."""
    WRONG_SIZE = auto()
    """Its file is of another size than the hub tells."""
    ENCODED = auto()
    """It compressed the bytes though that was not asked for."""
    NO_HTTP = auto()
    """It sent what is no answer."""
    NOT_ALLOWED = auto()
    """It redirects to where nothing is fetched from."""


class Verdict(Enum):
    """What to do about it."""

    AGAIN = auto()
    """Ask for the rest at once."""
    WAIT = auto()
    """Ask this server again after a while, another meanwhile."""
    NEW_URL = auto()
    """Ask the hub where the file is now."""
    START_OVER = auto()
    """Forget what is there of the file and ask for it from the start."""
    ONE_CONNECTION = auto()
    """As START_OVER, by one connection without ranges."""
    OTHER_ROUTE = auto()
    """Ask this server no more for the file."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the verdict depends on, beside the kind."""

    status: int = 0
    progressed: bool = False
    """Whether the request brought any byte that was kept."""
    remembered: bool = False
    """Whether the URL was one that the hub redirected to earlier: it may have run out."""
    had_ranges: bool = False
    """Whether the server has sent parts of this version before."""
    changes: int = 0
    """How often the file had changed already."""
    whole_answers: int = 0
    """How often the whole file had come already where a part was asked for."""
    strikes: int = 0
    """How often the server had sent already what can't be used."""
    verifiable: bool = False
    """Whether it is known what the bytes are to be, so that the server's word is not needed."""


MOST_CHANGES: Final = 3
"""After which a server's word on versions is not taken any more."""
_MOST_WHOLE_ANSWERS: Final = 3
_MOST_STRIKES: Final = 3
_SERVER_ERRORS: Final = range(500, 600)


def judge(kind: Kind, how: Circumstances) -> Verdict:
    """The verdict on one failed request."""
    match kind:
        case Kind.BROKEN_OFF:
            return Verdict.AGAIN if how.progressed else Verdict.WAIT
        case Kind.STATUS:
            return _of_status(how)
        case Kind.NO_RANGE:
            # A server of several machines may forget itself once; that is not worth the file.
            passing = how.had_ranges and how.whole_answers < _MOST_WHOLE_ANSWERS
            return Verdict.WAIT if passing else Verdict.ONE_CONNECTION
        case Kind.CHANGED | Kind.BEYOND_END:
            most = MOST_CHANGES * (2 if how.verifiable else 1)
            return Verdict.START_OVER if how.changes < most else Verdict.OTHER_ROUTE
        case Kind.WRONG_RANGE | Kind.WRONG_SIZE | Kind.ENCODED | Kind.NO_HTTP:
            return Verdict.WAIT if how.strikes + 1 < _MOST_STRIKES else Verdict.OTHER_ROUTE
        case Kind.NOT_ALLOWED:
            return Verdict.OTHER_ROUTE


def _of_status(how: Circumstances) -> Verdict:
    if how.status in _PASSING or how.status in _SERVER_ERRORS:
        return Verdict.WAIT
    return Verdict.NEW_URL if how.remembered else Verdict.OTHER_ROUTE


def backoff(tries: int, first: float, chance: float) -> float:
    """Seconds to wait after so many failed tries in a row, from 1.

    `first` is the wait after the first; each is twice the one before. `chance`, from 0 to 1, parts
    those who failed together.
    """
    longest = min(first * 2.0 ** min(tries - 1, 16), _LONGEST_BACKOFF)
    return longest * (0.5 + 0.5 * chance)


@dataclass(slots=True)
class Patience:
    """Tries and time since the last byte came. Any byte refills both: there is no other limit."""

    tries_limit: int
    seconds_limit: float
    tries: int = 0
    _since: float | None = None

    def received(self) -> None:
        """A byte came."""
        self.tries, self._since = 0, None

    def asked_to_wait(self, until: float) -> None:
        """A server asked to be left alone until then: what it answers then is its first failure."""
        if self._since is not None:
            self._since = max(self._since, until)

    def failed(self, now: float) -> bool:
        """Counts a failed try; whether patience is at its end."""
        self.tries += 1
        if self._since is None:
            self._since = now
        return self.tries >= self.tries_limit or now - self._since >= self.seconds_limit

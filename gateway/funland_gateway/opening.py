"""Which ports of deployments are to be open: what there is in, what to do out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from funland.v1.deployments_pb2 import Deployment


class Do(Enum):
    """What to do about a port."""

    OPEN = auto()
    REST = auto()
    """Take no more connections; what is under way goes on."""
    END = auto()


class Stand(Enum):
    """Where a port stands."""

    OPEN = auto()
    RESTING = auto()
    FAILED = auto()
    """It could not be opened."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A port that was to be opened."""

    port: int
    stand: Stand


_STAYS: Final = (Deployment.RUNNING, Deployment.STARTING)
"""The states in which a port that is open stays so: a lost process may be about to come back."""


def what_to_do(
    deployment: Deployment | None, opened: Opened | None, common: Collection[int], *, again: bool
) -> Do | None:
    """What to do about a deployment's port next; None: nothing.

    Args:
        deployment: As it now is; None if it is gone.
        opened: Its port, if it was to be opened.
        common: The ports at which all models are answered: there, nothing is to be opened.
        again: Whether one that could not be opened is to be tried again.
    """
    wanted = 0 if deployment is None or deployment.port in common else deployment.port
    state = Deployment.STATE_UNSPECIFIED if deployment is None else deployment.state
    if opened is None:
        return Do.OPEN if wanted and state == Deployment.RUNNING else None
    if opened.port != wanted or state not in (*_STAYS, Deployment.STOPPING):
        return Do.END
    if state == Deployment.STOPPING:
        return Do.REST if opened.stand is Stand.OPEN else None
    retried = opened.stand is Stand.FAILED and again
    # One that rests belonged to a run before.
    return Do.END if retried or opened.stand is Stand.RESTING else None

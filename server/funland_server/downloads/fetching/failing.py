"""What follows for a transfer from a request that failed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from funland_server.downloads.errors import DownloadInterruptedError
from funland_server.downloads.fetching.assigning import Lane, StartingOver
from funland_server.downloads.fetching.connection import Failure
from funland_server.downloads.fetching.lanes import Lanes
from funland_server.downloads.fetching.routes import Servers
from funland_server.downloads.fetching.verdicts import (
    Circumstances,
    Kind,
    Patience,
    Verdict,
    backoff,
    judge,
)

logger = structlog.get_logger(__name__)

_USELESS: Final = (Kind.WRONG_RANGE, Kind.WRONG_SIZE, Kind.ENCODED, Kind.NO_HTTP)


@dataclass(frozen=True, slots=True)
class Failing:
    """Carries out verdicts: on servers, on routes, and on how many connections there are."""

    servers: Servers
    lanes: Lanes
    patience: Patience
    at_work: Mapping[int, Lane]
    over: StartingOver
    first_backoff: float

    def take(self, lane: Lane, failure: Failure, now: float) -> None:
        """Takes the failure of a connection that is not at work any more.

        Raises:
            DownloadInterruptedError: That was once too often without a byte in between.
        """
        file, route = lane.file, lane.route
        verdict = _verdict(lane, failure)
        logger.debug(
            "download_part_failed", file=file.planned.path, kind=failure.kind.name,
            status=failure.status, verdict=verdict.name,
        )  # fmt: skip
        if failure.progressed:
            self.patience.received()
        elif verdict is not Verdict.OTHER_ROUTE and self.patience.failed(now):
            raise DownloadInterruptedError(
                f"{file.planned.path} could not be fetched: {failure.error.message} That was so"
                f" {self.patience.tries} times without a byte in between.",
                file=file.planned.path,
            )
        match verdict:
            case Verdict.AGAIN:
                pass
            case Verdict.WAIT:
                file.whole_answers += failure.kind is Kind.NO_RANGE
                route.strikes += failure.kind in _USELESS
                self._wait(lane, failure, now)
            case Verdict.NEW_URL:
                route.target, route.asked_anew = None, True
            case Verdict.START_OVER:
                file.changes += 1
                self.over[file] = None
            case Verdict.ONE_CONNECTION:
                self.over[file] = False
            case Verdict.OTHER_ROUTE:
                route.ended = failure.error

    def _wait(self, lane: Lane, failure: Failure, now: float) -> None:
        """Leaves a server alone, or only has fewer connections where others still bring bytes."""
        origin = lane.route.origin
        others = sum(
            other.route.origin == origin and other.received > 0 for other in self.at_work.values()
        )
        if others and failure.kind is Kind.BROKEN_OFF:
            self.lanes.refused(others)
            return
        tries = self.servers.tries(origin) + 1
        seconds = failure.wait
        if seconds is None:
            seconds = backoff(tries, self.first_backoff, random.random())  # noqa: S311 - no secret
        else:
            self.patience.asked_to_wait(now + seconds)
        self.servers.leave(origin, now + seconds, failure.error)


def _verdict(lane: Lane, failure: Failure) -> Verdict:
    file, route = lane.file, lane.route
    if failure.target is not None and failure.target != route.target:
        return Verdict.AGAIN  # another connection has asked for a new one meanwhile
    return judge(
        failure.kind,
        Circumstances(
            status=failure.status,
            progressed=failure.progressed,
            remembered=failure.remembered and not route.asked_anew,
            had_ranges=file.ranged is True,
            changes=file.changes,
            whole_answers=file.whole_answers,
            strikes=route.strikes,
            verifiable=file.verifiable,
        ),
    )

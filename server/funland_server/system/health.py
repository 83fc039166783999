"""Asks all parts of the server how they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from funland.v1.system_pb2 import HealthReport, PartHealth
from funland_server.domain import Health, Probe
from funland_server.errors import FunlandError

logger = structlog.get_logger(__name__)

_SECONDS = 1.0
_HANGS = Health(PartHealth.FAILED, f"It does not answer within {_SECONDS:g} s.")


class Checkup:
    """Asks each part for a second at most, all at the same time. One that hangs is not asked again
    until it answers, so that nothing piles up behind it."""

    def __init__(self, probes: Mapping[str, Probe], seconds: float = _SECONDS) -> None:
        self._probes = probes
        self._seconds = seconds
        self._asked: dict[str, asyncio.Task[Health]] = {}

    async def report(self) -> HealthReport:
        """How all are; its `time` is when they were asked."""
        report = HealthReport(state=PartHealth.HEALTHY)
        report.time.GetCurrentTime()
        asked = self._ask()
        if asked:
            await asyncio.wait(asked.values(), timeout=self._seconds)
        for name, task in sorted(asked.items()):
            health = task.result() if task.done() and not task.cancelled() else _HANGS
            report.parts.add(name=name, state=health.state, message=health.message)
            report.state = max(report.state, health.state)
        return report

    def _ask(self) -> dict[str, asyncio.Task[Health]]:
        """Asks each part that does not hang; what one said that did is of no interest any more."""
        for name, probe in self._probes.items():
            if (hangs := self._asked.get(name)) is None or hangs.done():
                self._asked[name] = asyncio.create_task(_answer(name, probe))
        return dict(self._asked)

    async def close(self) -> None:
        """Lets go of those that hang."""
        tasks = [*self._asked.values()]
        self._asked.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._seconds)


async def _answer(name: str, probe: Probe) -> Health:
    try:
        return await probe()
    except FunlandError as error:
        return Health(PartHealth.FAILED, error.message)
    except Exception:
        logger.exception("health_unknown", part=name)
        return Health(PartHealth.FAILED, "It could not be asked; the server's log says why.")

"""The server itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from funland.v1 import system_pb2
from funland.v1.system_pb2 import PartHealth
from funland_server.config import ServerSettings
from funland_server.configuration.sources import Joined
from funland_server.devices.domain import Devices
from funland_server.domain import Domain, Health, Probe, Service
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.storage.database import Database
from funland_server.system.configuration import Configuration
from funland_server.system.disks import disks, places
from funland_server.system.health import Checkup
from funland_server.system.machine_health import disk_health, memory_health
from funland_server.system.recent_lines import RecentLines
from funland_server.system.service import SystemService
from funland_server.system.status import Status
from funland_server.workers.machine import machine_memory


class System(Domain):
    """What it tells comes from the others."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        joined: Joined,
        status: Status,
        others: Sequence[Domain],
        *,
        models: Models,
        devices: Devices,
        database: Database,
        metrics: Metrics,
    ) -> None:
        """`joined` is where the settings came from; `others` are asked how they are."""
        self._settings = settings
        self._status = status
        self._devices = devices
        self._database = database
        self._metrics = metrics
        self._configuration = Configuration(joined, settings, models.objections)
        home = settings.now.home
        own = settings.now.database_url is None
        self._kept = places(home, home / "funland.sqlite3" if own else None)
        probes: dict[str, Probe] = {
            "configuration": self._configuration_health,
            "database": self._database_health,
            "devices": self._devices_health,
            "disk": self._disk_health,
            "memory": self._memory_health,
        }
        for domain in others:
            probes.update(domain.health())
        self._checkup = Checkup(probes)
        self._lines = RecentLines()

    async def start(self) -> None:
        """Keeps the log's lines from now on."""
        self._lines.begin()

    def services(self) -> list[Service]:
        """Answers `SystemService`."""
        service = SystemService(
            self._status,
            self._checkup,
            self._configuration,
            self._kept,
            metrics=self._metrics,
            lines=self._lines,
        )
        return [(system_pb2.DESCRIPTOR.services_by_name["SystemService"], service)]

    def announce_stop(self) -> None:
        """Ends the watches."""
        self._configuration.announce_stop()
        self._lines.announce_stop()

    async def stop(self) -> None:
        """Lets go of parts that hang."""
        self._lines.end()
        await self._checkup.close()

    async def _configuration_health(self) -> Health:
        problem = await self._configuration.problem()
        if not problem:
            return Health()
        told = f"{problem.removesuffix('.')}. The next start fails so."
        return Health(PartHealth.DEGRADED, told)

    async def _database_health(self) -> Health:
        await self._database.probe()
        return Health()

    async def _devices_health(self) -> Health:
        problems = [f"{one.reader}: {one.message}" for one in self._devices.troubles]
        return Health(PartHealth.DEGRADED, " ".join(problems)) if problems else Health()

    async def _disk_health(self) -> Health:
        found = await asyncio.to_thread(disks, self._kept)
        return disk_health(found, self._settings.now.download_reserve_bytes)

    async def _memory_health(self) -> Health:
        return memory_health(machine_memory())

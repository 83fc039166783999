"""Models that stay in memory under a name."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import aclosing
from pathlib import Path

import structlog

from funland.v1 import deployments_pb2
from funland.v1.system_pb2 import PartHealth
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.deployments.control import Control
from funland_server.deployments.deployed import Deployed
from funland_server.deployments.describing import Describing
from funland_server.deployments.endpoints import Endpoint, Gateways
from funland_server.deployments.health import ailment
from funland_server.deployments.roster import Roster
from funland_server.deployments.runners import Runners
from funland_server.deployments.running import Running
from funland_server.deployments.service import DeploymentService
from funland_server.deployments.serving import Serving
from funland_server.deployments.store import DeploymentStore
from funland_server.deployments.watching import Watching
from funland_server.devices.domain import Devices
from funland_server.domain import Domain, Health, Probe, Service
from funland_server.downloads.domain import Downloads
from funland_server.errors import FunlandError, ServerStoppingError
from funland_server.home_id import home_id
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.nodes.placement import Placement
from funland_server.storage.database import Database
from funland_server.storage.saving import Saving

logger = structlog.get_logger(__name__)


class Deployments(Domain):
    """Those of one home."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        *,
        devices: Devices,
        models: Models,
        placement: Placement,
        downloads: Downloads,
    ) -> None:
        self._home = settings.now.home
        self._metrics = metrics
        self._database = database
        self._models = models
        self._runners = Runners(settings, metrics, devices, models, placement)
        self._downloads = downloads
        self._changes = Changes()
        self._gateways = Gateways(self._gateways_left)
        self._roster = Roster(self._gateways)
        self._control: Control | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Has those run again, in the background, that were to run."""
        store = DeploymentStore(self._database, await asyncio.to_thread(home_id, self._home))
        saving = Saving[Deployed](lambda one: store.save(one.kept, wanted=one.wanted), _not_saved)
        running = Running(
            self._roster,
            self._models.catalog,
            self._models.holders,
            self._downloads,
            self._runners.make,
            saving=saving,
            serving=Serving(self._roster, self._models.served),
            metrics=self._metrics,
            publish=self._changes.publish,
        )
        self._control = control = Control(
            self._home / "deployments", self._models, self._downloads, store, self._roster,
            running, self._runners, saving, self._gateways, self._changes.publish,
        )  # fmt: skip
        for kept in await store.all():
            self._roster.add(Deployed(kept, control.log(kept.deployment.deployment_id)))
        await asyncio.gather(*(one.log.open() for one in self._roster))
        known = {one.deployment_id for one in self._roster}
        await asyncio.to_thread(_remove_all_but, known, self._home / "deployments")
        self._following = asyncio.create_task(self._follow(running))
        for deployed in self._roster:
            running.look(deployed)
        running.count()

    def services(self) -> list[Service]:
        """Answers `DeploymentService`."""
        if self._control is None:
            return []
        watching = Watching(self._roster, self._gateways, self._changes)
        service = DeploymentService(self._control, self._roster, watching, Describing(self._models))
        descriptor = deployments_pb2.DESCRIPTOR.services_by_name["DeploymentService"]
        return [(descriptor, service)]

    def health(self) -> dict[str, Probe]:
        """`deployments`: unwell if some can't run, or not as they are to."""
        return {"deployments": self._health}

    def announce_stop(self) -> None:
        """Ends the watches."""
        self._changes.close()
        for deployed in self._roster:
            deployed.log.close()

    async def stop(self) -> None:
        """Lets go of them; the next start has them run again."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        if self._control is not None:
            await self._control.running.close()
        await asyncio.gather(*(one.log.closed() for one in self._roster))

    async def _health(self) -> Health:
        unwell = [what for one in self._roster if (what := ailment(self._roster.present(one)))]
        return Health(PartHealth.DEGRADED, " ".join(unwell)) if unwell else Health()

    async def _follow(self, running: Running) -> None:
        """Looks at those whose download changes."""
        try:
            async with aclosing(self._downloads.changes.watch()) as changes:
                async for download_id in changes:
                    for deployed in self._roster:
                        if download_id and deployed.kept.download_id == download_id:
                            running.look(deployed)
        except ServerStoppingError:
            return

    def _gateways_left(self) -> None:
        """Nobody answers at any port any more."""
        for deployed in self._roster:
            if deployed.kept.port:
                deployed.reported = Endpoint()
                self._changes.publish(deployed.deployment_id)


def _remove_all_but(known: set[str], folder: Path) -> None:
    """Removes logs of deployments that were deleted when the server was killed."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)


def _not_saved(deployed: Deployed, error: FunlandError) -> None:
    logger.warning(
        "deployment_not_saved", deployment_id=deployed.deployment_id, reason=error.message
    )

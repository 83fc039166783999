"""Models learn from datasets, in processes of their own."""

from __future__ import annotations

import asyncio

import structlog

from funland.v1 import training_pb2
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.datasets.domain import Datasets
from funland_server.devices.domain import Devices
from funland_server.domain import Domain, Service
from funland_server.errors import ServerStoppingError, StartError
from funland_server.home_id import home_id
from funland_server.live import Live
from funland_server.models.domain import Models
from funland_server.projects.domain import Projects
from funland_server.storage.database import Database
from funland_server.tasks.domain import Tasks
from funland_server.training.adapters import AdapterFiles
from funland_server.training.folders import remove_others
from funland_server.training.kind import TrainingKind
from funland_server.training.leg import Parts
from funland_server.training.managing import Managing
from funland_server.training.planning import Planning
from funland_server.training.service import TrainingService
from funland_server.training.settling import Settling
from funland_server.training.store import RunStore
from funland_server.training.submitting import Submitting

logger = structlog.get_logger(__name__)


class Training(Domain):
    """The runs of one database; those of this home are done here."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        database: Database,
        *,
        tasks: Tasks,
        devices: Devices,
        models: Models,
        datasets: Datasets,
        projects: Projects,
    ) -> None:
        self._home = settings.now.home
        self._database = database
        self._tasks = tasks
        self._devices = devices
        self._models = models
        self._datasets = datasets
        self._projects = projects
        self._changes = Changes()
        self._service: TrainingService | None = None
        self._settling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Lets the queue know of runs, and goes on with what the last server did not settle."""
        try:
            this_home = await asyncio.to_thread(home_id, self._home)
        except OSError as error:
            raise StartError(f"The home {self._home} can't be used ({error.strerror}).") from error
        models = self._models
        planning = Planning(models.catalog, models.loader, self._devices)
        parts = Parts(
            store=RunStore(self._database, this_home),
            folders=self._home / "training",
            catalog=models.catalog,
            loader=models.loader,
            adapters=models.adapters,
            attaching=models.attaching,
            blobs=models.blobs,
            way_of=planning.way_of,
            publish=self._changes.publish,
            legs={},
        )
        settling = Settling(parts, self._tasks)
        known: set[str] = set()
        for here in await parts.store.here():
            settling.known[here.task_id] = here.run_id
            known.add(here.run_id)
        await asyncio.to_thread(remove_others, parts.folders, known)
        submitting = Submitting(
            parts, self._tasks, self._datasets, self._projects, planning, settling
        )
        managing = Managing(parts, self._tasks, self._projects, submitting, settling, self._changes)
        self._service = TrainingService(
            managing, submitting, planning, AdapterFiles(parts, planning)
        )
        self._tasks.add(TrainingKind(parts))
        self._settling = asyncio.create_task(_until_the_stop(settling))

    def services(self) -> list[Service]:
        """Answers `TrainingService`."""
        if self._service is None:
            return []
        return [(training_pb2.DESCRIPTOR.services_by_name["TrainingService"], self._service)]

    def announce_stop(self) -> None:
        """Ends the watches."""
        self._changes.close()

    async def stop(self) -> None:
        """Settles nothing more; runs go on after the next start."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait([self._settling])


async def _until_the_stop(settling: Settling) -> None:
    try:
        await settling.run()
    except* ServerStoppingError:
        pass
    except* Exception as problems:
        logger.error("runs_not_settled", exc_info=problems)

"""Many requests in a file, answered in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from funland.v1 import batches_pb2
from funland_server.batches.asking import Check, asking
from funland_server.batches.creating import Batching
from funland_server.batches.finishing import Finishing
from funland_server.batches.folders import remove_others
from funland_server.batches.here import Here
from funland_server.batches.judging import judge
from funland_server.batches.lines import Lines
from funland_server.batches.native import NativeLines
from funland_server.batches.running import BatchKind, Parts
from funland_server.batches.service import BatchService
from funland_server.batches.settling import Settling
from funland_server.batches.store import BatchStore
from funland_server.belonging.rows import Owned
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Health, Probe, Service
from funland_server.errors import ServerStoppingError, StartError
from funland_server.files.domain import Files
from funland_server.home_id import home_id
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.responses.domain import Responses
from funland_server.storage.database import Database
from funland_server.tasks.domain import Tasks

logger = structlog.get_logger(__name__)


class Batches(Domain):
    """Those of one database."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        *,
        tasks: Tasks,
        files: Files,
        inference: Inference,
        responses: Responses,
        lines: Lines | None,
        check: Check,
        owned: Owned,
    ) -> None:
        """`lines` are those of another API; `check` and `owned` are how calls are looked at that
        come from outside."""
        self._settings = settings
        self._streams = settings.map(lambda now: now.batch_streams)
        self._metrics = metrics
        self._database = database
        self._tasks = tasks
        self._files = files
        self._inference = inference
        self._responses = responses
        self._shapes = (NativeLines(),) if lines is None else (NativeLines(), lines)
        self._check = check
        self._owned = owned
        self._changes = Changes()
        self._batching: Batching | None = None
        self._settling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Lets the queue know of batches, and goes on with what the last server did not settle."""
        home = self._settings.now.home
        try:
            this_home = await asyncio.to_thread(home_id, home)
        except OSError as error:
            raise StartError(f"The home {home} can't be used ({error.strerror}).") from error
        store = BatchStore(self._database, this_home)
        here = Here()
        self._streams.tell(lambda _: here.resize())
        parts = Parts(
            store=store,
            files=self._files,
            finishing=Finishing(store, self._files, self._metrics),
            folders=home / "batches",
            here=here,
            ask=asking(self._check, self._owned, self._inference.service, self._responses.service),
            shapes=self._shapes,
            streams=self._streams,
            metrics=self._metrics,
            publish=self._changes.publish,
        )
        unended = {batch.batch_id for batch in await store.unended()}
        await asyncio.to_thread(remove_others, parts.folders, unended)
        settling = Settling(parts, self._tasks)
        self._batching = Batching(
            parts,
            self._tasks,
            settling,
            self._changes,
            self._settings.map(lambda now: now.task_days),
            set(),
        )
        self._tasks.add(BatchKind(parts))
        self._settling = asyncio.create_task(_until_the_stop(settling))

    def services(self) -> list[Service]:
        """Answers `BatchService`."""
        if self._batching is None:
            return []
        service = BatchService(self._batching)
        return [(batches_pb2.DESCRIPTOR.services_by_name["BatchService"], service)]

    def health(self) -> Mapping[str, Probe]:
        """`batches`: unwell if this server does not look after its batches any more, or has some
        that it can't answer."""
        return {"batches": self._health}

    def announce_stop(self) -> None:
        """Ends the watching of batches."""
        self._changes.close()

    async def stop(self) -> None:
        """Settles nothing more."""
        tasks = list(self._batching.ends) if self._batching is not None else []
        if self._settling is not None:
            tasks.append(self._settling)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _health(self) -> Health:
        settles = self._settling is not None and not self._settling.done()
        if self._batching is None:
            return judge([], settles=settles, endpoints=())
        parts = self._batching.parts
        endpoints = [each for shape in parts.shapes for each in shape.endpoints]
        return judge(await parts.store.unended(), settles=settles, endpoints=endpoints)


async def _until_the_stop(settling: Settling) -> None:
    try:
        await settling.run()
    except* ServerStoppingError:
        pass
    except* Exception as problems:
        logger.error("batches_not_settled", exc_info=problems)

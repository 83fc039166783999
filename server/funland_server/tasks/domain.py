"""Work that nobody waits for, in one durable queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final

import structlog

from funland.v1 import tasks_pb2
from funland.v1.tasks_pb2 import Lane, SubmitTaskRequest, Task, TaskEvent
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Health, Probe, Service
from funland_server.downloads.domain import Downloads
from funland_server.errors import StartError
from funland_server.files.domain import Files
from funland_server.home_id import home_id
from funland_server.images.domain import Images
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.speech.domain import Speech
from funland_server.storage.database import Database
from funland_server.tasks.clock import Clock
from funland_server.tasks.downloading import Downloading
from funland_server.tasks.housekeeping import Housekeeping
from funland_server.tasks.kinds import Kind
from funland_server.tasks.language import language_kinds
from funland_server.tasks.media.hearing import Hearing
from funland_server.tasks.media.painting import Painting
from funland_server.tasks.media.parts import TaskParts
from funland_server.tasks.media.series import SpeakingMany
from funland_server.tasks.media.speaking import Speaking
from funland_server.tasks.membership import Membership
from funland_server.tasks.pace import Pace
from funland_server.tasks.queue import Queue
from funland_server.tasks.runner import Runner
from funland_server.tasks.service import TaskService
from funland_server.tasks.store import Limits, TaskStore
from funland_server.tasks.tracing import RunTraces
from funland_server.tasks.webhooks.delivering import Webhooks
from funland_server.tasks.webhooks.store import WebhookStore
from funland_server.tracing.spans import NO_TRACES, Tracing
from funland_server.web.fetching import Web

logger = structlog.get_logger(__name__)

_LAST_WORDS_SECONDS: Final = 2.0
"""How long webhooks may take that are told when the server stops."""


class Tasks(Domain):
    """Those of one database."""

    _queue: Queue
    _runner: Runner
    _membership: Membership
    _housekeeping: Housekeeping
    _webhooks: Webhooks

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        *,
        files: Files,
        models: Models,
        inference: Inference,
        speech: Speech,
        images: Images,
        downloads: Downloads,
        web: Web,
        count: Callable[[str], Callable[[int], None]],
        tracing: Tracing = NO_TRACES,
    ) -> None:
        """`count` gives who is told of the tokens that tasks of an access key take, by its id."""
        self._count = count
        self._tracing = tracing
        self._settings = settings
        self._metrics = metrics
        self._files = files
        self._models = models
        self._inference = inference
        self._speech = speech
        self._images = images
        self._downloads = downloads
        self._web = web
        self._clock = Clock()
        self._pace = Pace()
        self._database = database
        self._store = TaskStore(database, settings.map(_limits), self._clock)
        self._kinds: dict[int, Kind] = {}
        self.changes = Changes()
        """The ids of tasks, as they change."""
        self._started = False

    async def start(self) -> None:
        """Has those wait again that an earlier start of this home had, and begins to run them."""
        try:
            this_home = await asyncio.to_thread(home_id, self._settings.now.home)
        except OSError as error:
            raise StartError(
                f"The home {self._settings.now.home} can't be used ({error.strerror}); name another"
                " with --home or FUNLAND_HOME."
            ) from error
        self._webhooks = Webhooks(
            WebhookStore(self._database, this_home),
            self._web,
            self._settings.map(lambda now: now.webhook_secret),
            metrics=self._metrics,
            clock=self._clock,
            changes=self.changes,
        )
        lease = self._settings.map(lambda now: now.task_lease_seconds)
        self._membership = Membership(self._store, this_home, lease, self._clock)
        self._runner = Runner(
            self._store,
            self._membership,
            self._places,
            kinds=self._kinds,
            clock=self._clock,
            metrics=self._metrics,
            publish=self.changes.publish,
            pace=self._pace,
            accounts=self._settings.now.accounts,
            count=self._count,
            traces=RunTraces(self._tracing),
        )
        self._queue = Queue(
            self._store,
            self._runner,
            self.changes,
            home_id=this_home,
            files=self._files,
            limits=self._settings.map(_limits),
            places=self._places,
            clock=self._clock,
            seconds=self._pace.seconds,
            check_webhook=self._webhooks.check,
        )
        self._housekeeping = Housekeeping(
            self._queue, self._store, self._membership, self._metrics, self._pace
        )
        for kind in (
            *language_kinds(self._models, self._inference),
            Speaking(self._speech, self._files),
            SpeakingMany(self._speech, self._files, TaskParts(self._database)),
            Hearing(self._speech, self._files),
            Painting(self._images, self._files),
            Downloading(self._downloads),
        ):
            self._kinds[kind.kind] = kind
        if taken := await self._membership.enter(self._kinds):
            logger.warning("tasks_taken_back", tasks=len(taken))
        self._started = True
        self._membership.start(self._runner.lose, self._take)
        self._runner.start()
        self._housekeeping.start()
        await self._webhooks.start()
        self._settings.tell(lambda _: self._runner.look())

    def services(self) -> list[Service]:
        """Answers `TaskService`."""
        service = TaskService(self._queue)
        return [(tasks_pb2.DESCRIPTOR.services_by_name["TaskService"], service)]

    def health(self) -> Mapping[str, Probe]:
        """`tasks`: unwell if this server can't say that it lives, or if tasks wait for a kind that
        no server knows."""
        return {"tasks": self._health}

    def add(self, kind: Kind) -> None:
        """Makes a kind known: its tasks are claimed from now on."""
        self._kinds[kind.kind] = kind
        if self._started:
            self._runner.look()

    async def submit(self, request: SubmitTaskRequest, *, task_id: str = "") -> Task:
        """Keeps a task, of whatever work; raises what `TaskService.SubmitTask` promises. With an
        id, it is that of the task, and the task is answered if it is kept already."""
        return await self._queue.submit(request, task_id=task_id)

    async def get(self, task_id: str) -> Task:
        """A task as it is now, whole; raises TaskNotFoundError."""
        return await self._queue.get(task_id)

    async def cancel(self, task_id: str) -> Task:
        """Ends a task; answers when it has ended. Raises TaskNotFoundError."""
        return await self._queue.cancel(task_id)

    async def delete(self, task_id: str) -> None:
        """Forgets a task and all that is kept of it; raises TaskNotFoundError."""
        await self._queue.delete(task_id)

    def watch(self, task_id: str) -> AsyncGenerator[TaskEvent]:
        """As `TaskService.WatchTask`."""
        return self._queue.watch(task_id)

    async def lanes(self) -> list[Lane]:
        """How full the lanes are."""
        return await self._queue.lanes()

    def announce_stop(self) -> None:
        """Ends the watches."""
        self.changes.close()

    async def drain(self, seconds: float) -> None:
        """Lets tasks that run go on for so long; those that have not ended then wait again."""
        if self._started:
            await self._runner.drain(seconds)
            await self._webhooks.drain(_LAST_WORDS_SECONDS)

    async def stop(self) -> None:
        """Leaves what is left to the next start."""
        if self._started:
            await self._housekeeping.stop()
            await self._runner.stop()
            await self._webhooks.close()
            await self._store.settled()
            await self._membership.stop()
            self._started = False

    async def _health(self) -> Health:
        return await self._housekeeping.health()

    def _take(self, taken: list[str]) -> None:
        """Tasks wait again that another server had."""
        for task_id in taken:
            self.changes.publish(task_id)
        self._runner.look()

    def _places(self, lane: int) -> int:
        """How many of a lane's tasks run at once."""
        now = self._settings.now
        return {
            Lane.LANGUAGE: now.language_tasks,
            Lane.PLUGINS: now.plugin_tasks,
            Lane.BATCHES: now.batch_tasks,
            Lane.DOWNLOADS: now.download_tasks,
            Lane.SPEECH: now.speech_tasks,
            Lane.PICTURES: now.picture_tasks,
            Lane.TRAINING_RUNS: now.training_tasks,
        }[Lane.Name.ValueType(lane)]


def _limits(settings: ServerSettings) -> Limits:
    return Limits(settings.task_queue_limit, settings.task_days * 86400)

"""Answers that are kept, and those that are made in the background."""

from __future__ import annotations

import asyncio

from funland.v1 import responses_pb2
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.home_id import home_id
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.responses.answering import Responses as Answering
from funland_server.responses.background import LOOK_SECONDS, Background
from funland_server.responses.service import ResponseService
from funland_server.responses.store import ResponseStore
from funland_server.storage.database import Database
from funland_server.storage.owners import HOUR, Every


class Responses(Domain):
    """Those of one database. What other domains use of it is there once it is started."""

    service: ResponseService

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        models: Models,
        inference: Inference,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._models = models
        self._inference = inference
        self._database = database
        self._kept: ResponseStore | None = None
        self._background: Background | None = None
        self._minding: list[Every] = []

    async def start(self) -> None:
        """Marks as failed what the last server of this home did not finish."""
        this_home = await asyncio.to_thread(home_id, self._settings.now.home)
        days = self._settings.map(lambda now: now.response_days)
        kept = self._kept = ResponseStore(self._database, days, this_home)
        background = self._background = Background(
            self._inference.stream_kept_chat,
            kept,
            model_id=self._models.loader.model_id,
            settings=self._settings,
            metrics=self._metrics,
        )
        await background.recover()
        self._minding = [Every(HOUR, lambda: background.recover(starts=False))]
        if self._database.dialect != "sqlite":
            self._minding.append(Every(LOOK_SECONDS, background.heed_others))
        for each in self._minding:
            each.start()
        answering = Answering(
            self._inference.service.StreamChat,
            self._inference.stream_kept_chat,
            kept,
            background,
        )
        self.service = ResponseService(answering, background, kept)

    def services(self) -> list[Service]:
        """Answers `ResponseService`."""
        if self._background is None:
            return []
        return [(responses_pb2.DESCRIPTOR.services_by_name["ResponseService"], self.service)]

    async def drain(self, seconds: float) -> None:
        """Lets responses in the background go on."""
        if self._background is not None:
            await self._background.drain(seconds)

    async def stop(self) -> None:
        """Ends responses in the background."""
        for each in self._minding:
            await each.close()
        if self._background is not None:
            await self._background.close()

"""Conversations that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from funland.v1 import sessions_pb2
from funland_server.chat.asking import Asking
from funland_server.chat.conversing import Conversing
from funland_server.chat.looking_up import LookingUp
from funland_server.chat.managing import Managing
from funland_server.chat.open_sessions import OpenSessions
from funland_server.chat.saving import Saving
from funland_server.chat.service import SessionService
from funland_server.chat.store import SessionStore
from funland_server.chat.turns import Turns
from funland_server.chat.watching import Watching
from funland_server.config import ServerSettings
from funland_server.devices.domain import Devices
from funland_server.domain import Domain, Service
from funland_server.home_id import home_id
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.storage.database import Database
from funland_server.storage.owners import HOUR, Every

logger = structlog.get_logger(__name__)


class Chat(Domain):
    """Those of one database."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        *,
        devices: Devices,
        models: Models,
        inference: Inference,
    ) -> None:
        self._metrics = metrics
        self._devices = devices
        self._models = models
        self._inference = inference
        self._home = settings.now.home
        self._linger = settings.map(lambda now: now.session_linger_seconds)
        self._database = database
        self._service: SessionService | None = None
        self._minding: Every | None = None
        self._turns: Turns | None = None

    async def start(self) -> None:
        """Marks as cut off what the last server of this home was writing."""
        this_home = await asyncio.to_thread(home_id, self._home)
        store = SessionStore(self._database, this_home)
        sessions = OpenSessions(store, self._linger)
        parts = (sessions, store, Saving(store))
        asking = Asking(self._models, self._inference.stream_kept_chat)
        turns = self._turns = Turns(*parts, asking, self._metrics)
        self._service = SessionService(
            Managing(*parts, asking, self._check_devices),
            LookingUp(*parts),
            turns,
            Watching(*parts, turns),
            Conversing(*parts, turns),
        )
        await _cut_off(store, starts=True)
        self._minding = Every(HOUR, lambda: _cut_off(store, starts=False))
        self._minding.start()

    def services(self) -> list[Service]:
        """Answers `SessionService`."""
        if self._service is None:
            return []
        return [(sessions_pb2.DESCRIPTOR.services_by_name["SessionService"], self._service)]

    def announce_stop(self) -> None:
        """Begins no more turns, and ends the watches in which nothing happens."""
        if self._turns is not None:
            self._turns.announce_stop()

    async def drain(self, seconds: float) -> None:
        """Lets answers go on."""
        if self._turns is not None:
            await self._turns.drain(seconds)

    async def stop(self) -> None:
        """Cuts off the answers that are left."""
        if self._minding is not None:
            await self._minding.close()
        if self._turns is not None:
            await self._turns.close()

    async def _check_devices(self, device_ids: Sequence[str]) -> None:
        if device_ids:
            await self._devices.settled(device_ids)
        for device_id in device_ids:
            self._devices.get(device_id)


async def _cut_off(store: SessionStore, *, starts: bool) -> None:
    if answers := await store.cut_off(starts=starts):
        logger.warning("answers_cut_off", answers=answers)

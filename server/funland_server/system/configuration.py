"""What the server runs with, what its settings file says, and changes of both."""

from __future__ import annotations

import asyncio
import errno
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import structlog

from funland.v1 import system_pb2
from funland.v1.system_pb2 import UpdateConfigurationRequest
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.configuration.fields import described
from funland_server.configuration.given import WrongSettingsError
from funland_server.configuration.sources import Joined
from funland_server.live import Live
from funland_server.storage.errors import StorageFullError, StorageUnavailableError
from funland_server.system.changing import Objections, change
from funland_server.system.errors import ConfigurationChangedError
from funland_server.system.presenting import present
from funland_server.system.values import from_wire

logger = structlog.get_logger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Configuration:
    """The settings of one server. What was changed in their file by hand is told, and taken by the
    next change; only the start takes it by itself."""

    def __init__(
        self,
        running: Joined,
        live: Live[ServerSettings],
        objections: Objections,
    ) -> None:
        """`live` is what the parts of the server go by."""
        self._sources = running.sources
        self._running = running
        self._live = live
        self._objections = objections
        self._fields = described(running.sources.sections)
        self._key = secrets.token_bytes(16)
        self._turn = asyncio.Lock()
        self._etag = ""
        self._updates: set[asyncio.Task[system_pb2.Configuration]] = set()
        self._changes = Changes()

    async def get(self, prefix: str = "") -> system_pb2.Configuration:
        """Settings whose names begin so, as they are and as the next start would have them."""
        async with self._turn:
            try:
                wanted = self._sources.join(await asyncio.to_thread(self._sources.text))
            except WrongSettingsError:
                wanted = None
            now = self._told(self._running, wanted)
        kept = [setting for setting in now.settings if setting.name.startswith(prefix)]
        del now.settings[:]
        now.settings.extend(kept)
        return now

    async def update(self, request: UpdateConfigurationRequest) -> system_pb2.Configuration:
        """Changes the settings file, and what takes effect without another start. It comes to its
        end if the caller is cancelled.

        Raises:
            FieldInvalidError, SettingFixedError, ConfigurationChangedError: Nothing was changed.
            StorageFullError, StorageUnavailableError: Nothing was: the file can't be read or
                written.
        """
        update = asyncio.create_task(self._update(request))
        self._updates.add(update)
        update.add_done_callback(self._updates.discard)
        return await asyncio.shield(update)

    async def watch(self) -> AsyncGenerator[system_pb2.Configuration]:
        """The configuration now, and after each change.

        Raises:
            ServerStoppingError: The server stops.
        """
        sent = ""
        async with aclosing(self._changes.watch()) as changes:
            async for _ in changes:
                now = await self.get()
                if now.etag != sent:
                    sent = now.etag
                    yield now

    async def problem(self) -> str:
        """Why the settings file would keep the server from another start; empty if it would not."""
        try:
            self._sources.join(await asyncio.to_thread(self._sources.text))
        except WrongSettingsError as error:
            return self._of_file(error)
        return ""

    def announce_stop(self) -> None:
        """Ends the watches."""
        self._changes.close()

    async def _update(self, request: UpdateConfigurationRequest) -> system_pb2.Configuration:
        async with self._turn:
            try:
                text = await asyncio.to_thread(self._sources.text)
            except WrongSettingsError as error:
                raise StorageUnavailableError(self._of_file(error)) from error
            self._check_etag(request.etag, text)
            made = change(
                text,
                {name: from_wire(value) for name, value in request.values.items()},
                self._running,
                fields=self._fields,
                objections=self._objections,
            )
            if request.validate_only:
                return present(self._fields, made.running, made.wanted, self._key)
            if made.text != text:
                await self._write(made.text)
            self._running = made.running
            self._live.put(cast("ServerSettings", made.running.sections["server"]))
            logger.info("configuration_changed", settings=sorted(request.values))
            return self._told(made.running, made.wanted)

    def _told(self, running: Joined, wanted: Joined | None) -> system_pb2.Configuration:
        now = present(self._fields, running, wanted, self._key)
        if now.etag != self._etag:
            self._etag = now.etag
            self._changes.publish(now.etag)
        return now

    def _check_etag(self, etag: str, text: str) -> None:
        try:
            wanted = self._sources.join(text)
        except WrongSettingsError:
            wanted = None
        if etag and present(self._fields, self._running, wanted, self._key).etag != etag:
            raise ConfigurationChangedError(etag)

    def _of_file(self, error: WrongSettingsError) -> str:
        """What is wrong with the file, without a word of where it lies."""
        lines = (f"has a wrong {name}: {why}" if name else why for name, why in error.wrong.items())
        return f"{self._sources.file.name} {'; '.join(lines)}"

    async def _write(self, text: str) -> None:
        try:
            await asyncio.to_thread(self._sources.write, text)
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFullError from error
            raise StorageUnavailableError(
                f"{self._sources.file.name} can't be written: {error.strerror}."
            ) from error

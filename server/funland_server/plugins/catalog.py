"""The plugins that are there: found, installed, set and removed."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from pathlib import Path

import orjson

from funland.v1.plugins_pb2 import InstallPluginRequest, Plugin, UpdatePluginRequest
from funland_server.files.on_disk import as_storage_errors
from funland_server.plugins.errors import (
    PluginBrokenError,
    PluginBundledError,
    PluginDeniedError,
    PluginExistsError,
    PluginFailedError,
    PluginInvalidError,
    PluginIsolationUnavailableError,
    PluginLimitExceededError,
    PluginNotFoundError,
)
from funland_server.plugins.executing import Executing
from funland_server.plugins.manifest import Manifest, ManifestError
from funland_server.plugins.presenting import state
from funland_server.plugins.removing import remove
from funland_server.plugins.runs import json_object
from funland_server.plugins.shelf import Installed, Shelf
from funland_server.storage.errors import StorageFullError
from funland_server.storage.waiting_out import wait_out


class Catalog:
    """Those of one home."""

    def __init__(self, shelf: Shelf, executing: Executing) -> None:
        self._shelf = shelf
        self._executing = executing
        self._plugins: dict[str, Installed] = {}
        self._changing = asyncio.Lock()

    async def read(self) -> None:
        """Finds what the home has."""
        self._plugins = await asyncio.to_thread(self._shelf.read)

    def get(self, plugin_id: str) -> Installed:
        """A plugin; raises PluginNotFoundError."""
        plugin = self._plugins.get(plugin_id)
        if plugin is None:
            raise PluginNotFoundError(plugin_id)
        return plugin

    def all(
        self, category: str = "", states: Sequence[Plugin.State.ValueType] = ()
    ) -> list[Installed]:
        """Those that fit, ordered by id."""
        return [
            plugin
            for _, plugin in sorted(self._plugins.items())
            if (not category or plugin.manifest.category == category)
            and (not states or state(plugin) in states)
        ]

    async def install(self, request: InstallPluginRequest) -> Installed:
        """Copies a plugin in; raises as `PluginService.InstallPlugin` tells."""
        async with self._changing:
            try:
                manifest, coming = await asyncio.to_thread(self._shelf.bring, Path(request.path))
            except ManifestError as error:
                raise PluginInvalidError(request.path, str(error)) from None
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise StorageFullError from error
                said = error.strerror or type(error).__name__
                raise PluginInvalidError(request.path, f"it can't be copied ({said}).") from error
            try:
                before = self._plugins.get(manifest.id)
                if before is not None and (before.bundled or not request.replace):
                    raise PluginExistsError(manifest.id, before.manifest.version)
                await self._check_schemas(request.path, manifest)
                enabled = request.enable or (before is not None and before.enabled)
                config = before.config if before is not None else "{}"
                with as_storage_errors():
                    plugin = await asyncio.to_thread(
                        self._shelf.put, manifest, coming, enabled=enabled, config=config
                    )
            finally:
                await asyncio.to_thread(remove, coming)
            self._plugins[plugin.id] = plugin
            if before is not None:
                plugin.users, before.newer = before.users, plugin
                if not before.active:  # else its last execution does that
                    await asyncio.to_thread(remove, before.code_folder)
            return plugin

    async def update(self, request: UpdatePluginRequest) -> Installed:
        """Changes what is set; raises as `PluginService.UpdatePlugin` tells."""
        async with self._changing:
            plugin = self.get(request.plugin_id)
            config = plugin.config
            if request.HasField("config"):
                config = orjson.dumps(json_object(request.config)).decode()
                await self._executing.check_config(plugin, config)
            if request.HasField("enabled") and request.enabled:
                await self._check_code(plugin)
            before = plugin.config, plugin.enabled
            plugin.config = config
            if request.HasField("enabled"):
                plugin.enabled = request.enabled
            try:
                with as_storage_errors():
                    await asyncio.to_thread(self._shelf.save, plugin)
            except BaseException:  # what is not kept does not count
                plugin.config, plugin.enabled = before
                raise
            return plugin

    async def delete(self, plugin_id: str) -> None:
        """Removes a plugin and ends its executions; raises as `PluginService.DeletePlugin`."""
        async with self._changing:
            plugin = self.get(plugin_id)
            if plugin.bundled:
                raise PluginBundledError(plugin_id)
            del self._plugins[plugin_id]
            removing = asyncio.create_task(self._remove(plugin))
            if told := await wait_out(removing):
                raise told
            await removing

    async def _remove(self, plugin: Installed) -> None:
        await plugin.users.send_away()
        with as_storage_errors():
            await asyncio.to_thread(self._shelf.remove, plugin)

    async def _check_code(self, plugin: Installed) -> None:
        """A broken one is tried anew: what it needs may be there now."""
        if not plugin.manifest.entry:
            raise PluginBrokenError(plugin.id, plugin.error)
        try:
            await self._executing.check_code(plugin)
        except PluginIsolationUnavailableError:
            return  # its executions will say so
        except PluginBrokenError as error:
            plugin.error = error.why
            raise
        except (PluginFailedError, PluginLimitExceededError, PluginDeniedError) as error:
            plugin.error = f"Its code can't be imported: {error.message}"
            raise PluginBrokenError(plugin.id, plugin.error) from error
        plugin.error = ""

    async def _check_schemas(self, path: str, manifest: Manifest) -> None:
        try:
            await self._executing.check_schemas(manifest.id, manifest)
        except PluginBrokenError as error:
            raise PluginInvalidError(path, error.why) from None

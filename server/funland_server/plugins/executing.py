"""Executes plugins, for calls and for tasks."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Final

import orjson

from funland.v1.plugins_pb2 import ExecutePluginRequest, PluginExecution
from funland.worker.v1.plugin_pb2 import PluginRun, StartExecution
from funland.worker.v1.worker_pb2 import JobProgress
from funland_server.config import ServerSettings
from funland_server.errors import FunlandError
from funland_server.files.domain import Files
from funland_server.files.on_disk import as_storage_errors
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.plugins.answering import Answering
from funland_server.plugins.artefacts import Artefacts
from funland_server.plugins.asks import Asks
from funland_server.plugins.errors import (
    PluginBrokenError,
    PluginDisabledError,
)
from funland_server.plugins.execution import Execution, Heard, Wanted
from funland_server.plugins.fetches import Fetches
from funland_server.plugins.host import PluginHost, PluginProcess
from funland_server.plugins.manifest import Limits, Manifest
from funland_server.plugins.places import Places
from funland_server.plugins.presenting import duration
from funland_server.plugins.removing import remove
from funland_server.plugins.runs import format_of, json_object, run_of, start_of
from funland_server.plugins.shelf import Installed
from funland_server.web.fetching import Web

_CHECK: Final = Limits(duration_seconds=10.0, memory_bytes=512 * 1024**2)
"""What holding something against a schema may take."""
_IMPORT_SECONDS: Final = 60.0
"""Nothing else of the plugins is changed meanwhile."""
_CHECKS: Final = 8
"""So many are looked at at once; more wait."""
_DAY_SECONDS: Final = 86400

Progress = Callable[[JobProgress], None]


class Executing:
    """Those of one server."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        host: PluginHost,
        files: Files,
        answering: Answering,
        *,
        web: Web,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._host = host
        self._files = files
        self._answering = answering
        self._web = web
        self._checking = asyncio.Semaphore(_CHECKS)
        self._places = Places(
            settings.map(lambda now: now.plugin_tasks),
            settings.map(lambda now: now.task_queue_limit),
        )

    def limits(self, manifest: Manifest) -> Limits:
        """What an execution may take: no more than its manifest wants, nor than the settings
        allow."""
        wanted, now = manifest.limits, self._settings.now
        return wanted.model_copy(
            update={
                "memory_bytes": min(wanted.memory_bytes, now.plugin_memory_bytes),
                "duration_seconds": min(wanted.duration_seconds, now.plugin_seconds),
            }
        )

    async def execute(
        self,
        plugin: Installed,
        request: ExecutePluginRequest,
        *,
        task_id: str = "",
        progress: Progress = lambda _: None,
    ) -> PluginExecution:
        """Executes a plugin when there is a place; a task's execution yields to live calls.

        Raises:
            FunlandError: As `PluginService.ExecutePlugin`.
        """
        config = self._configured(plugin, request)
        _check_usable(plugin)
        async with plugin.users.one(plugin.id), self._places.one():
            while plugin.newer is not None:  # it came while this waited
                plugin = plugin.newer
            return await self._counted(plugin, request, config, task_id, progress)

    async def check(self, plugin: Installed, request: ExecutePluginRequest) -> None:
        """Holds a request against the plugin's schemas; raises what `execute` would at once."""
        config = self._configured(plugin, request)
        _check_usable(plugin)
        await self._run(
            plugin.id,
            StartExecution(memory_bytes=_CHECK.memory_bytes),
            run_of(plugin, PluginRun.CHECK, input=request.input or "{}", config=config),
            _CHECK,
        )

    async def check_config(self, plugin: Installed, config: str) -> None:
        """Holds a standing configuration against the plugin's schema; raises FieldInvalidError."""
        await self.check_schemas(plugin.id, plugin.manifest, config)

    async def check_schemas(
        self, plugin_id: str, manifest: Manifest, config: str | None = None
    ) -> None:
        """Looks at the schemas of a manifest; raises PluginBrokenError."""
        run = PluginRun(
            extent=PluginRun.CHECK,
            input_schema=str(manifest.input_schema),
            config_schema=str(manifest.config_schema),
            output_schema=str(manifest.output_schema),
            config=config,
        )
        start = StartExecution(memory_bytes=_CHECK.memory_bytes)
        await self._run(plugin_id, start, run, _CHECK)

    async def check_code(self, plugin: Installed) -> None:
        """Imports a plugin's code, in a process of its own.

        Raises:
            PluginBrokenError: It can't be imported.
            PluginIsolationUnavailableError: It was not tried.
        """
        limits = self.limits(plugin.manifest)
        seconds = min(limits.duration_seconds, _IMPORT_SECONDS)
        limits = limits.model_copy(update={"duration_seconds": seconds})
        start = start_of(plugin, limits)
        await self._run(plugin.id, start, run_of(plugin, PluginRun.IMPORT), limits)

    async def _counted(
        self,
        plugin: Installed,
        request: ExecutePluginRequest,
        config: str,
        task_id: str,
        progress: Progress,
    ) -> PluginExecution:
        plugin.active += 1
        plugin.users.running += 1
        self._metrics.plugin_executions_active.inc()
        outcome = "cancelled"
        try:
            executed = await self._execute(plugin, request, config, task_id, progress)
            outcome = "completed"
        except FunlandError as error:
            outcome = "failed"
            if isinstance(error, PluginBrokenError):
                plugin.error = error.why
            raise
        finally:
            plugin.active -= 1
            plugin.users.running -= 1
            self._metrics.plugin_executions_active.dec()
            self._metrics.plugin_executions.labels(outcome).inc()
            if plugin.newer is not None and not plugin.active:
                await asyncio.to_thread(remove, plugin.code_folder)
        return executed

    async def _execute(
        self,
        plugin: Installed,
        request: ExecutePluginRequest,
        config: str,
        task_id: str,
        progress: Progress,
    ) -> PluginExecution:
        _check_usable(plugin)  # it may have changed while this waited
        began = time.monotonic()
        limits = self.limits(plugin.manifest)
        with as_storage_errors():
            await asyncio.to_thread(plugin.folder.mkdir, parents=True, exist_ok=True)
        artefacts = Artefacts(plugin.id, plugin.folder.parent)
        made: list[Asks] = []

        def asks(process: PluginProcess) -> Asks:
            made.append(
                Asks(
                    plugin.id,
                    self._answering,
                    Fetches(plugin.id, self._web, plugin.manifest.permissions.hosts),
                    process.send,
                    allowed=plugin.manifest.permissions.models,
                    background=bool(task_id),
                    given=request.input,
                )
            )
            return made[0]

        run = run_of(plugin, PluginRun.EXECUTE, input=request.input or "{}", config=config)
        run.output_format = format_of(plugin.manifest, request.output_format)
        run.output_bytes = limits.output_bytes
        wanted = Wanted(plugin.id, start_of(plugin, limits), run, limits)
        heard = Heard(progress, artefacts.take)
        try:
            output = await Execution(self._host, wanted, heard, asks).run()
            days = self._settings.now.task_days
            file_ids = await artefacts.keep(
                self._files,
                task_id=task_id,
                retention_seconds=0 if task_id else days * _DAY_SECONDS,
            )
        finally:
            await artefacts.drop()
        return PluginExecution(
            execution_id=task_id or secrets.token_hex(12),
            plugin_id=plugin.id,
            plugin_version=plugin.manifest.version,
            input=request.input or "{}",
            output=output,
            file_ids=file_ids,
            duration=duration(time.monotonic() - began),
            device_ids=made[0].device_ids,
            models=made[0].models,
            tokens=made[0].tokens,
            config=config,
        )

    async def _run(
        self, plugin_id: str, start: StartExecution, run: PluginRun, limits: Limits
    ) -> None:
        """One that neither asks nor makes anything."""

        def asks(process: PluginProcess) -> Asks:
            return Asks(
                plugin_id, self._answering, Fetches(plugin_id, self._web, ()), process.send,
                allowed=False, background=True,
            )  # fmt: skip

        async with self._checking:
            await Execution(self._host, Wanted(plugin_id, start, run, limits), Heard(), asks).run()

    def _configured(self, plugin: Installed, request: ExecutePluginRequest) -> str:
        """The standing configuration, with the call's before it; raises FieldInvalidError."""
        if not request.config:
            return plugin.config
        return orjson.dumps(json_object(plugin.config) | json_object(request.config)).decode()


def _check_usable(plugin: Installed) -> None:
    if plugin.error:
        raise PluginBrokenError(plugin.id, plugin.error)
    if not plugin.enabled:
        raise PluginDisabledError(plugin.id)

"""Programs that do more with models, each in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, Unpack

from funland.v1.plugins_pb2 import (
    DeletePluginRequest,
    GetPluginRequest,
    InstallPluginRequest,
    Plugin,
    UpdatePluginRequest,
)
from funland.v1.plugins_pb2_grpc import PluginServiceStub
from funland.v1.tasks_pb2 import Task
from funland.v1.tasks_pb2_grpc import TaskServiceStub
from funland_client import task_requests
from funland_client.arguments import PluginState, TaskArguments
from funland_client.asynchronous.connection import AsyncConnection
from funland_client.plugin_output import PluginOutput

Installed: TypeAlias = Sequence[Plugin]


class AsyncPlugins:
    """Programs that do more with models, as `client.plugins`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = PluginServiceStub(connection.channel)
        self._tasks = TaskServiceStub(connection.channel)

    async def list(self, *, category: str = "", states: Sequence[PluginState] = ()) -> Installed:
        """Gets the plugins, ordered by id: those of a category and in one of the `states`, if
        they are named."""
        request = task_requests.plugins(category, states)
        response = await self._connection.call(self._stub.ListPlugins, request)
        return [*response.plugins]

    async def get(self, plugin_id: str) -> Plugin:
        """Gets a plugin, with the schemas of its input, output and configuration."""
        request = GetPluginRequest(plugin_id=plugin_id)
        return await self._connection.call(self._stub.GetPlugin, request)

    async def install(
        self, path: str | Path, *, enable: bool = False, replace: bool = False
    ) -> Plugin:
        """Installs the plugin at the absolute `path`, a folder or wheel on the server's machine.

        `enable` allows what its manifest asks for: see `Plugin.permissions`. `replace` puts it in
        the place of one with its id.
        """
        request = InstallPluginRequest(path=str(path), enable=enable, replace=replace)
        return await self._connection.call(self._stub.InstallPlugin, request, once=True)

    async def enable(self, plugin_id: str) -> Plugin:
        """Lets a plugin be executed, and allows what its manifest asks for."""
        request = UpdatePluginRequest(plugin_id=plugin_id, enabled=True)
        return await self._connection.call(self._stub.UpdatePlugin, request)

    async def disable(self, plugin_id: str) -> Plugin:
        """Lets a plugin be executed no more."""
        request = UpdatePluginRequest(plugin_id=plugin_id, enabled=False)
        return await self._connection.call(self._stub.UpdatePlugin, request)

    async def configure(self, plugin_id: str, config: Mapping[str, Any]) -> Plugin:
        """Gives a plugin a standing configuration, in place of all that there was."""
        request = task_requests.configure(plugin_id, config)
        return await self._connection.call(self._stub.UpdatePlugin, request)

    async def remove(self, plugin_id: str) -> None:
        """Removes a plugin, its code and its folder."""
        request = DeletePluginRequest(plugin_id=plugin_id)
        await self._connection.call(self._stub.DeletePlugin, request, once=True)

    async def execute(
        self,
        plugin_id: str,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the contract's name
        *,
        config: Mapping[str, Any] | None = None,
        output_format: str = "",
    ) -> PluginOutput:
        """Executes a plugin; returns when it is done. `output` of what comes is a dictionary.

        It is done once: what a plugin does may not be repeatable.
        """
        request = task_requests.execute(plugin_id, input, config, output_format)
        execution = await self._connection.call(self._stub.ExecutePlugin, request, once=True)
        return PluginOutput(execution)

    async def submit(
        self,
        plugin_id: str,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the contract's name
        *,
        config: Mapping[str, Any] | None = None,
        output_format: str = "",
        **arguments: Unpack[TaskArguments],
    ) -> Task:
        """Submits an execution as a task; `PluginOutput(tasks.wait(...).plugin)` reads it."""
        work = task_requests.execute(plugin_id, input, config, output_format)
        request = task_requests.submit(work, arguments)
        once = not request.idempotency_key
        return await self._connection.call(self._tasks.SubmitTask, request, once=once)

"""Executions of plugins as tasks."""

from __future__ import annotations

from collections.abc import Callable

from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work
from funland_server.plugins.executing import Executing
from funland_server.plugins.shelf import Installed
from funland_server.tasks.kinds import Checked, Running


class PluginKind:
    """The kind PLUGIN."""

    kind = Task.PLUGIN
    lane = Lane.PLUGINS
    resumes = False

    def __init__(self, get: Callable[[str], Installed], executing: Executing) -> None:
        self._get = get
        self._executing = executing

    async def check(self, work: Work) -> Checked:
        """See `Kind`."""
        plugin = self._get(work.plugin.plugin_id)
        await self._executing.check(plugin, work.plugin)
        return Checked(here=not plugin.bundled)

    async def run(self, running: Running) -> TaskResult:
        """See `Kind`. A plugin is executed from its beginning each time."""
        plugin = self._get(running.work.plugin.plugin_id)
        executed = await self._executing.execute(
            plugin,
            running.work.plugin,
            task_id=running.task_id,
            progress=lambda told: running.progress(
                told.fraction * 100 if told.HasField("fraction") else None, told.text
            ),
        )
        return TaskResult(plugin=executed)

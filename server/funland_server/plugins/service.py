"""`funland.v1.PluginService`: the wire on one side, plugins on the other."""

from __future__ import annotations

from google.protobuf import empty_pb2

from funland.v1 import plugins_pb2
from funland_server.plugins.catalog import Catalog
from funland_server.plugins.executing import Executing
from funland_server.plugins.presenting import to_wire
from funland_server.plugins.shelf import Installed


class PluginService:
    """Answers the RPCs of `PluginService`; see `plugins.proto`."""

    def __init__(self, catalog: Catalog, executing: Executing) -> None:
        self._catalog = catalog
        self._executing = executing

    async def ListPlugins(
        self, request: plugins_pb2.ListPluginsRequest
    ) -> plugins_pb2.ListPluginsResponse:
        """See `plugins.proto`."""
        found = self._catalog.all(request.category, request.states)
        return plugins_pb2.ListPluginsResponse(plugins=[self._wire(one) for one in found])

    async def GetPlugin(self, request: plugins_pb2.GetPluginRequest) -> plugins_pb2.Plugin:
        """See `plugins.proto`."""
        return self._wire(self._catalog.get(request.plugin_id))

    async def InstallPlugin(self, request: plugins_pb2.InstallPluginRequest) -> plugins_pb2.Plugin:
        """See `plugins.proto`."""
        return self._wire(await self._catalog.install(request))

    async def UpdatePlugin(self, request: plugins_pb2.UpdatePluginRequest) -> plugins_pb2.Plugin:
        """See `plugins.proto`."""
        return self._wire(await self._catalog.update(request))

    async def DeletePlugin(self, request: plugins_pb2.DeletePluginRequest) -> empty_pb2.Empty:
        """See `plugins.proto`."""
        await self._catalog.delete(request.plugin_id)
        return empty_pb2.Empty()

    async def ExecutePlugin(
        self, request: plugins_pb2.ExecutePluginRequest
    ) -> plugins_pb2.PluginExecution:
        """See `plugins.proto`."""
        return await self._executing.execute(self._catalog.get(request.plugin_id), request)

    def _wire(self, plugin: Installed) -> plugins_pb2.Plugin:
        return to_wire(plugin, self._executing.limits(plugin.manifest))

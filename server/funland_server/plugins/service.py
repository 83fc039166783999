"""`funland.v1.PluginService`: the wire on one side, plugins on the other."""

from __future__ import annotations

from google.protobuf import empty_pb2

from funland.v1 import plugins_pb2


class PluginService:
    """Answers the RPCs of `PluginService`; see `plugins.proto`."""

    async def ListPlugins(
        self, request: plugins_pb2.ListPluginsRequest
    ) -> plugins_pb2.ListPluginsResponse:
        """See `plugins.proto`."""
        raise NotImplementedError

    async def GetPlugin(self, request: plugins_pb2.GetPluginRequest) -> plugins_pb2.Plugin:
        """See `plugins.proto`."""
        raise NotImplementedError

    async def InstallPlugin(self, request: plugins_pb2.InstallPluginRequest) -> plugins_pb2.Plugin:
        """See `plugins.proto`."""
        raise NotImplementedError

    async def UpdatePlugin(self, request: plugins_pb2.UpdatePluginRequest) -> plugins_pb2.Plugin:
        """See `plugins.proto`."""
        raise NotImplementedError

    async def DeletePlugin(self, request: plugins_pb2.DeletePluginRequest) -> empty_pb2.Empty:
        """See `plugins.proto`."""
        raise NotImplementedError

    async def ExecutePlugin(
        self, request: plugins_pb2.ExecutePluginRequest
    ) -> plugins_pb2.PluginExecution:
        """See `plugins.proto`."""
        raise NotImplementedError

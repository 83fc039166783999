"""Plugins as the contract has them."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.plugins_pb2 import Plugin, PluginLimits, PluginPermissions
from funland_server.plugins.manifest import Limits
from funland_server.plugins.shelf import Installed


def state(plugin: Installed) -> Plugin.State.ValueType:
    """Whether it may be executed."""
    if plugin.error:
        return Plugin.BROKEN
    return Plugin.ENABLED if plugin.enabled else Plugin.DISABLED


def to_wire(plugin: Installed, limits: Limits) -> Plugin:
    """The plugin; `limits` are those that hold."""
    manifest = plugin.manifest
    told = Plugin(
        plugin_id=manifest.id,
        name=manifest.name,
        description=manifest.description,
        version=manifest.version,
        category=manifest.category,
        author=manifest.author,
        state=state(plugin),
        beta=manifest.beta,
        capabilities=manifest.capabilities,
        supported_formats=manifest.supported_formats,
        input_schema=str(manifest.input_schema),
        output_schema=str(manifest.output_schema),
        config_schema=str(manifest.config_schema),
        config=plugin.config,
        permissions=PluginPermissions(
            models=manifest.permissions.models, hosts=manifest.permissions.hosts
        ),
        limits=PluginLimits(
            memory_bytes=limits.memory_bytes,
            duration=duration(limits.duration_seconds),
            disk_bytes=limits.disk_bytes,
            output_bytes=limits.output_bytes,
        ),
        bundled=plugin.bundled,
        error=plugin.error,
        active_executions=plugin.users.running,
        max_resolution=manifest.max_resolution,
    )
    if plugin.install_time is not None:
        told.install_time.CopyFrom(Timestamp(seconds=int(plugin.install_time)))
    if manifest.max_duration_seconds is not None:
        told.max_duration.CopyFrom(duration(manifest.max_duration_seconds))
    return told


def duration(seconds: float) -> Duration:
    """To the microsecond."""
    told = Duration()
    told.FromMicroseconds(round(seconds * 1e6))
    return told

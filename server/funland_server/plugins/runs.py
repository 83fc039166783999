"""What is said to the processes of plugins."""

from __future__ import annotations

from typing import Any

import orjson

from funland.worker.v1.plugin_pb2 import PluginRun, StartExecution
from funland_server.errors import FieldInvalidError, Violation
from funland_server.plugins.manifest import Limits, Manifest
from funland_server.plugins.shelf import Installed


def json_object(text: str) -> dict[str, Any]:
    """A configuration; raises FieldInvalidError if it is no JSON object."""
    try:
        told = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise FieldInvalidError([Violation("config", "must be a JSON object")])
    return told  # pyright: ignore[reportUnknownVariableType] - JSON's keys are texts


def format_of(manifest: Manifest, wanted: str) -> str:
    """The form of an output; raises FieldInvalidError for one that the plugin has not."""
    formats = manifest.supported_formats
    if not wanted:
        return formats[0] if formats else ""
    if wanted not in formats:
        said = "must be one of " + ", ".join(formats) if formats else "must be empty"
        raise FieldInvalidError([Violation("output_format", said)])
    return wanted


def start_of(plugin: Installed, limits: Limits) -> StartExecution:
    """What the host is told of a process that runs the plugin's code."""
    return StartExecution(
        code_folder=str(plugin.code_folder),
        folder=str(plugin.folder),
        memory_bytes=limits.memory_bytes,
        disk_bytes=limits.disk_bytes,
        foreign=True,
    )


def run_of(
    plugin: Installed,
    extent: PluginRun.Extent.ValueType,
    *,
    input: str | None = None,  # noqa: A002 - the contract's word
    config: str | None = None,
) -> PluginRun:
    """What such a process is told."""
    manifest = plugin.manifest
    return PluginRun(
        extent=extent,
        entry=manifest.entry,
        input=input,
        config=config,
        input_schema=str(manifest.input_schema),
        config_schema=str(manifest.config_schema),
        output_schema=str(manifest.output_schema),
    )

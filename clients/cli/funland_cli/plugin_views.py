"""Tells people of plugins: what they do, what they may do, what they take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from funland.v1.plugins_pb2 import Plugin, PluginExecution
from funland_cli.output import size, span
from funland_cli.views import word

COLUMNS: Final = ("PLUGIN", "VERSION", "CATEGORY", "STATE", "WHAT IT DOES")


def row(plugin: Plugin) -> tuple[str, ...]:
    """A plugin in a list of them: of what it does, the first sentence."""
    return (
        plugin.plugin_id,
        plugin.version,
        plugin.category,
        word(Plugin.State, plugin.state),
        plugin.description.partition(". ")[0].removesuffix("."),
    )


def standing(plugin: Plugin) -> str:
    """Whether a plugin can be run, and why not."""
    told = word(Plugin.State, plugin.state)
    return f"{told}: {plugin.error}" if plugin.error else told


def all_of(plugin: Plugin) -> Iterator[tuple[str, str]]:
    """All that is known of a plugin, by name; what is not known is empty."""
    yield "plugin", plugin.plugin_id
    yield "name", plugin.name
    yield "about", plugin.description
    yield "version", plugin.version + (", unfinished" if plugin.beta else "")
    yield "author", plugin.author
    yield "from", "Funland" if plugin.bundled else ""
    yield "category", plugin.category
    yield "can", ", ".join(plugin.capabilities)
    yield "state", standing(plugin)
    yield "may", ", ".join(permissions(plugin)) or "compute"
    yield "at most", ", ".join(limits(plugin))
    yield "runs now", str(plugin.active_executions or "")
    yield "formats", ", ".join(plugin.supported_formats)
    yield "config", plugin.config if plugin.config != "{}" else ""
    yield "input", _indented(plugin.input_schema)
    yield "output", _indented(plugin.output_schema)
    yield "settings", _indented(plugin.config_schema)


def permissions(plugin: Plugin) -> Iterator[str]:
    """What a plugin may do beyond computing, a part each."""
    if plugin.permissions.models:
        yield "ask models"
    for host in plugin.permissions.hosts:
        yield f"connect to {host}"


def limits(plugin: Plugin) -> Iterator[str]:
    """What a plugin may take, a part each."""
    told = plugin.limits
    if told.memory_bytes:
        yield f"{size(told.memory_bytes)} of memory"
    if told.HasField("duration"):
        yield span(told.duration.ToTimedelta().total_seconds())
    if told.disk_bytes:
        yield f"{size(told.disk_bytes)} in its folder"
    if told.output_bytes:
        yield f"{size(told.output_bytes)} of output"


def spent(execution: PluginExecution) -> str:
    """What an execution took: `1.2 s, 340 tokens of funland-tiny`."""
    parts: list[str] = []
    if execution.HasField("duration"):
        parts.append(f"{execution.duration.ToTimedelta().total_seconds():.1f} s")
    if execution.tokens:
        models = ", ".join(execution.models)
        parts.append(f"{execution.tokens} tokens" + (f" of {models}" if models else ""))
    return ", ".join(parts)


def _indented(schema: str) -> str:
    """A schema for people; as it is if it is none."""
    try:
        return json.dumps(json.loads(schema), ensure_ascii=False, indent=2) if schema else ""
    except ValueError:
        return schema

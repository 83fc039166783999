"""`plugins`: what is installed, and its execution, at once or as a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.plugins_pb2 import (
    ExecutePluginRequest,
    ListPluginsRequest,
    ListPluginsResponse,
    Plugin,
    PluginExecution,
)
from funland.v1.tasks_pb2 import GetTaskRequest, SubmitTaskRequest, Task, Work
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.hellovm.answers import done
from funland_gateway.dialects.hellovm.executions import executed, task_execution
from funland_gateway.dialects.query import Parameter, one_of, text
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.rpcs import EXECUTE_PLUGIN, GET_TASK, LIST_PLUGINS, SUBMIT_TASK
from funland_gateway.failures import failure

CATEGORIES: Final = ("generation", "processing", "analysis", "utility")
ENABLED: Final = "enabled"
BETA: Final = "beta"
DISABLED: Final = "disabled"
STATUSES: Final = (ENABLED, DISABLED, BETA)

CATEGORY: Final = text("category", "Only those of this category.")
STATUS: Final = one_of(
    "status", "Only those of this status.", {word: word for word in STATUSES}, ""
)
LIST_QUERY: Final[tuple[Parameter[Any], ...]] = (CATEGORY, STATUS)


def list_plugins(incoming: Incoming) -> Unary:
    """Asks for all: the counts are of all, whatever is shown."""
    category, status = CATEGORY.of(incoming.query), STATUS.of(incoming.query)

    def answer(found: ListPluginsResponse) -> Reply:
        shown = [
            _plugin(plugin)
            for plugin in found.plugins
            if category in ("", plugin.category) and status in ("", status_word(plugin))
        ]
        data = {
            "plugins": shown,
            "categories": CATEGORIES,
            "total": len(found.plugins),
            **counts(found.plugins),
        }
        return done(incoming, data)

    return Unary(LIST_PLUGINS, ListPluginsRequest(), answer)


def execute(incoming: Incoming) -> Unary:
    """Asks for an execution, or with `async` for the task of one."""
    body = incoming.body
    request = ExecutePluginRequest(
        plugin_id=incoming.path["plugin_id"],
        input=_json(body, "input"),
        config=_json(body, "config"),
        output_format=body.optional_string("output_format"),
    )

    def answer(response: PluginExecution) -> Reply:
        data = executed(response, request.output_format, incoming.time)
        return done(incoming, data, "Plugin executed successfully")

    def submitted(task: Task) -> Reply:
        data = task_execution(task, request, incoming.time)
        return done(incoming, data, "Plugin execution submitted successfully")

    if body.boolean("async"):
        task = SubmitTaskRequest(work=Work(plugin=request))
        return Unary(SUBMIT_TASK, task, submitted, _field_name)
    return Unary(EXECUTE_PLUGIN, request, answer)


def get_execution(incoming: Incoming) -> Unary:
    """Asks what became of an execution that is a task."""
    plugin_id, execution_id = incoming.path["plugin_id"], incoming.path["execution_id"]

    def answer(task: Task) -> Reply:
        request = task.work.plugin
        if task.kind != Task.PLUGIN or request.plugin_id != plugin_id:
            raise failure(
                "NOT_FOUND",
                ErrorReason.TASK_NOT_FOUND,
                f"Plugin {plugin_id!r} has no execution {execution_id!r}.",
                task_id=execution_id,
            )
        return done(incoming, task_execution(task, request, incoming.time))

    return Unary(GET_TASK, GetTaskRequest(task_id=execution_id), answer)


def status_word(plugin: Plugin) -> str:
    """What the document calls its state. One that can't be run is disabled, and says why."""
    if plugin.state != Plugin.ENABLED:
        return DISABLED
    return BETA if plugin.beta else ENABLED


def counts(plugins: Iterable[Plugin]) -> dict[str, int]:
    """How many have each status."""
    found = Counter(map(status_word, plugins))
    return {word: found[word] for word in (ENABLED, BETA, DISABLED)}


def _plugin(plugin: Plugin) -> dict[str, Any]:
    return {
        "id": plugin.plugin_id,
        "name": plugin.name,
        "description": plugin.description,
        "version": plugin.version,
        "category": plugin.category,
        "author": plugin.author,
        "status": status_word(plugin),
        "capabilities": list(plugin.capabilities),
        "supported_formats": list(plugin.supported_formats),
        "max_resolution": plugin.max_resolution or None,
        "max_duration": plugin.max_duration.seconds if plugin.HasField("max_duration") else None,
        "config_schema": _schema(plugin.config_schema),
        "input_schema": _schema(plugin.input_schema),
        "output_schema": _schema(plugin.output_schema),
        "error": plugin.error or None,
    }


def _schema(told: str) -> Any:
    """None where the plugin says nothing of it, as one that is broken may."""
    return orjson.loads(told) if told else None


def _json(body: JsonObject, name: str) -> str:
    inner = body.object(name)
    return orjson.dumps(dict(inner.items())).decode() if inner else ""


def _field_name(path: str) -> str:
    return path.removeprefix("work.plugin.")

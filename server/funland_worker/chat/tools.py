"""The functions that a chat may call, read from the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Tool, ToolChoice
from funland.worker.v1.worker_pb2 import Conversation
from funland_worker.constraints.subschemas import asking
from funland_worker.engines.protocol import EngineError

_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
_ONE_TEXT: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the model may ask to be called."""

    name: str
    description: str
    parameters: dict[str, Any]
    """The JSON Schema of its arguments, an object."""


@dataclass(frozen=True, slots=True)
class Calling:
    """Which calls an answer may, must or must not have."""

    told: tuple[Function, ...] = ()
    """The functions that the model is told of."""
    allowed: tuple[Function, ...] = ()
    """Those of them that it may call."""
    required: bool = False
    """Whether at least one call must be made."""
    several: bool = True
    """Whether it may be more than one."""


def calling_from_wire(conversation: Conversation) -> Calling:
    """What a conversation says of calls.

    Raises:
        EngineError: CONSTRAINT_INVALID for parameters that are no JSON Schema of an object,
            FIELD_INVALID for a choice that names no tool and for a free-form tool with
            parameters.
    """
    choice = conversation.tool_choice
    functions = _functions(conversation.tools)
    if choice.name and choice.name not in {function.name for function in functions}:
        raise EngineError(
            ErrorReason.FIELD_INVALID,
            "must name one of the tools",
            field="tool_choice.name",
        )
    if choice.mode == ToolChoice.NONE:
        return Calling()
    if choice.mode == ToolChoice.REQUIRED and not functions:
        raise EngineError(
            ErrorReason.FIELD_INVALID,
            "asks for a call, but there are no tools",
            field="tool_choice.mode",
        )
    named = tuple(function for function in functions if function.name == choice.name)
    several = conversation.parallel_tool_calls or not conversation.HasField("parallel_tool_calls")
    return Calling(
        told=functions,
        allowed=named or functions,
        required=bool(named) or choice.mode == ToolChoice.REQUIRED,
        several=several and not named,
    )


def _functions(tools: Sequence[Tool]) -> tuple[Function, ...]:
    functions: dict[str, Function] = {}
    for index, tool in enumerate(tools):
        if tool.name in functions:
            raise EngineError(
                ErrorReason.FIELD_INVALID,
                "is the name of an earlier tool too",
                field=f"tools[{index}].name",
            )
        schema = _schema(tool, f"tools[{index}].parameters")
        functions[tool.name] = Function(tool.name, tool.description, schema)
    return tuple(functions.values())


def _schema(tool: Tool, field: str) -> dict[str, Any]:
    if tool.free_form:
        if tool.parameters:
            raise EngineError(
                ErrorReason.FIELD_INVALID, "must be empty for a free-form tool", field=field
            )
        return _ONE_TEXT
    try:
        schema = orjson.loads(tool.parameters or "null")
    except orjson.JSONDecodeError as error:
        raise EngineError(
            ErrorReason.CONSTRAINT_INVALID, f"{field} is not JSON: {error}"
        ) from error
    if schema is None:
        return _NO_ARGUMENTS
    if not isinstance(schema, dict):
        raise EngineError(
            ErrorReason.CONSTRAINT_INVALID, f"{field} is not a JSON Schema of an object."
        )
    parameters = cast("dict[str, Any]", schema)
    kind = parameters.get("type") or "object"
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        raise EngineError(
            ErrorReason.CONSTRAINT_INVALID,
            f'{field} is not a JSON Schema of an object: its type must be "object".',
        )
    return parameters if _asks(parameters) else _NO_ARGUMENTS


def _asks(parameters: dict[str, Any]) -> bool:
    """Whether a schema says anything of arguments, and not only that they are an object."""
    said = {
        key
        for key in asking(parameters)
        if not (key == "required" and parameters[key] == []) and parameters[key] is not None
    }
    return said != set() and not (said == {"type"} and parameters["type"] == "object")

"""The functions that a chat may call, read from the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Tool, ToolChoice
from funland.worker.v1.worker_pb2 import Conversation
from funland_worker.engines.protocol import EngineError

_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


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
            FIELD_INVALID for a choice that names no tool.
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
        schema = _schema(tool.parameters, f"tools[{index}].parameters")
        functions[tool.name] = Function(tool.name, tool.description, schema)
    return tuple(functions.values())


def _schema(text: str, field: str) -> dict[str, Any]:
    if not text:
        return _NO_ARGUMENTS
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise EngineError(
            ErrorReason.CONSTRAINT_INVALID, f"{field} is not JSON: {error}"
        ) from error
    if not isinstance(schema, dict):
        raise EngineError(
            ErrorReason.CONSTRAINT_INVALID, f"{field} is not a JSON Schema of an object."
        )
    return cast("dict[str, Any]", schema)

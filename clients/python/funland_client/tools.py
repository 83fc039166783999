"""Functions that a model may ask to be called: told to it, and called for it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from funland.v1.inference_pb2 import Message, Tool, ToolCall
from funland_client.formats import ClosedSchema

Function = Callable[..., Any]
"""A function with type hints: they become the JSON Schema of its arguments, its docstring what the
model is told of it, and its result's JSON (a text as it is) what the model gets."""


class ToolDefinition(TypedDict):
    """A function that is called elsewhere; `parameters` is the JSON Schema of an object.

    One that is `free_form` takes one text and has no `parameters`. `namespace` is the group that
    the caller sorts it into.
    """

    name: str
    description: NotRequired[str]
    parameters: NotRequired[Mapping[str, Any]]
    free_form: NotRequired[bool]
    namespace: NotRequired[str]


AnyTool = Function | ToolDefinition | Tool


def tool(described: AnyTool) -> Tool:
    """Makes the contract's form of a tool."""
    if isinstance(described, Tool):
        return described
    if not callable(described):
        free_form = described.get("free_form", False)
        parameters = described.get("parameters", None if free_form else {})
        return Tool(
            name=described["name"],
            description=described.get("description", ""),
            parameters="" if parameters is None else json.dumps(parameters),
            free_form=free_form,
            namespace=described.get("namespace", ""),
        )
    schema = _arguments(described).json_schema(schema_generator=ClosedSchema)
    return Tool(
        name=described.__name__,
        description=inspect.getdoc(described) or "",
        parameters=json.dumps(schema),
    )


class UnusableCallError(Exception):
    """The model's call can't be made; the message is for the model."""


@dataclass(frozen=True, slots=True)
class _Callee:
    function: Function
    arguments: TypeAdapter[Any]


class _Functions:
    """Functions by name. What goes wrong in a call becomes its result, for the model to mend it."""

    def __init__(self, functions: Sequence[Function]) -> None:
        self.tools = [tool(function) for function in functions]
        self._callees = {
            function.__name__: _Callee(function, _arguments(function)) for function in functions
        }
        if len(self._callees) < len(functions):
            raise ValueError("Two functions have the same name.")

    def _bound(self, call: ToolCall) -> functools.partial[Any]:
        """The function with the call's arguments, checked and made what its hints say."""
        callee = self._callees.get(call.name)
        if callee is None:
            known = ", ".join(self._callees)
            raise UnusableCallError(f"There is no function {call.name!r}. There are: {known}.")
        try:
            args, kwargs = callee.arguments.validate_json(call.arguments or "{}")
        except ValidationError as error:
            raise UnusableCallError(f"The arguments are wrong: {_wrong(error)}") from error
        return functools.partial(callee.function, *args, **kwargs)


class AsyncToolbox(_Functions):
    """Functions and coroutine functions, called from an event loop."""

    async def call(self, call: ToolCall) -> Message:
        """Calls the function and gives the message that tells its result.

        What is no coroutine function runs in a thread, so that it may block.
        """
        try:
            bound = self._bound(call)
            if inspect.iscoroutinefunction(bound.func):
                return _result(call, await bound())
            return _result(call, await asyncio.to_thread(bound))
        except Exception as error:  # The model is told of all.
            return _result(call, _told(error))


class Toolbox(_Functions):
    """Functions, called in the caller's thread."""

    def __init__(self, functions: Sequence[Function]) -> None:
        if any(inspect.iscoroutinefunction(function) for function in functions):
            raise TypeError("Coroutine functions are called by AsyncFunland only.")
        super().__init__(functions)

    def call(self, call: ToolCall) -> Message:
        """Calls the function and gives the message that tells its result."""
        try:
            return _result(call, self._bound(call)())
        except Exception as error:  # As in `AsyncToolbox`.
            return _result(call, _told(error))


def _arguments(function: Function) -> TypeAdapter[Any]:
    """Reads the arguments of a function as its hints have them, and does not call it.

    Raises what pydantic raises for a function whose arguments are no JSON object.
    """

    @functools.wraps(function)
    def captured(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, kwargs

    return TypeAdapter[Any](cast("Any", captured))


def _result(call: ToolCall, value: Any) -> Message:
    text = value if isinstance(value, str) else to_json(value, fallback=str).decode()
    return Message(role=Message.TOOL, content=text, tool_call_id=call.id, name=call.name)


def _told(error: Exception) -> str:
    if isinstance(error, UnusableCallError):
        return f"error: {error}"
    return f"error: {type(error).__name__}: {error}"


def _wrong(error: ValidationError) -> str:
    told: list[str] = []
    for wrong in error.errors(include_url=False, include_context=False):
        place = ".".join(str(part) for part in wrong["loc"])  # Empty for what is no JSON.
        told.append(f"{place}: {wrong['msg']}" if place else wrong["msg"])
    return "; ".join(told)

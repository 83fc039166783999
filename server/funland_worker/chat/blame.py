"""Finds out which part of a call is at fault when the form of its answer can't be compiled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from funland.v1.inference_pb2 import OutputFormat
from funland_worker.chat.fragments import arguments_rule
from funland_worker.chat.tools import Calling
from funland_worker.constraints.constraint import Constraint, from_wire
from funland_worker.engines.protocol import EngineError


async def blamed(
    error: EngineError,
    calling: Calling,
    content: OutputFormat,
    compiled: Callable[[Constraint], Awaitable[object]],
) -> EngineError:
    """The error of the tool or format that fails alone too; else `error`, which is of all of them
    together. `compiled` tries one."""
    for function in calling.allowed:
        arguments = Constraint("lark", schemas=(arguments_rule("start", function),))
        if fault := await _fault(arguments, compiled):
            _, _, why = fault.message.partition(": ")
            return EngineError(
                fault.reason, f"The parameters of tool {function.name!r} can't be used: {why}"
            )
    alone = from_wire(content)
    return (alone and await _fault(alone, compiled)) or error


async def _fault(
    constraint: Constraint, compiled: Callable[[Constraint], Awaitable[object]]
) -> EngineError | None:
    try:
        await compiled(constraint)
    except EngineError as error:
        return error
    return None

"""Makes the calls of one message at the same time, and tells how each comes along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from time import monotonic

from funland.v1.inference_pb2 import ToolCall, ToolStep
from funland_server.mcp.server import Outcome
from funland_server.mcp.toolbox import Toolbox


async def calls_made(
    toolbox: Toolbox, calls: Sequence[ToolCall], number: int
) -> AsyncGenerator[ToolStep]:
    """Each call once CALLING, in their order, then DONE or FAILED as they end. Closing the
    generator ends those under way.

    Args:
        toolbox: What makes them.
        calls: Of one message of the model.
        number: Which of its messages that is, from 1.
    """
    began = monotonic()
    steps = [_begun(toolbox, call, number) for call in calls]
    for step in steps:
        yield step
    tasks = {
        asyncio.create_task(toolbox.call(call)): step
        for call, step in zip(calls, steps, strict=True)
    }
    try:
        left = set(tasks)
        while left:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=list(tasks).index):
                yield _ended(tasks[task], task.result(), 1e3 * (monotonic() - began))
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _begun(toolbox: Toolbox, call: ToolCall, number: int) -> ToolStep:
    tool = toolbox.tools[call.name]
    return ToolStep(
        call=call, server=tool.server, tool=tool.name, state=ToolStep.CALLING, round=number
    )


def _ended(step: ToolStep, outcome: Outcome, elapsed_ms: float) -> ToolStep:
    ended = ToolStep()
    ended.CopyFrom(step)
    ended.state = ToolStep.FAILED if outcome.is_failure else ToolStep.DONE
    ended.text = outcome.text
    ended.elapsed_ms = elapsed_ms
    return ended

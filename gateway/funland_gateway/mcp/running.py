"""Calls a tool: the one place where tools meet the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from google.protobuf.message import Message

from funland_gateway.calls import Calls
from funland_gateway.failures import CallFailed, reason_name, unforeseen
from funland_gateway.mcp.tool import Content, Progress, Tool, failed_content
from funland_gateway.request_ids import request_id

_log = structlog.get_logger(__name__)

Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call."""

    content: list[Content]
    structured: dict[str, Any] | None = None
    """None: it failed, and `content` says why."""


async def call_tool(
    request: web.Request, calls: Calls, tool: Tool, arguments: Mapping[str, Any], tell: Tell
) -> Outcome:
    """Calls a tool on behalf of an HTTP request. Whatever fails is an outcome; cancelling the task
    cancels the call."""
    try:
        structured, content = tool.result(await _response(request, calls, tool, arguments, tell))
    except CallFailed as failed:
        _log.info(
            "mcp_tool_failed",
            tool=tool.name,
            reason=reason_name(failed.error),
            request_id=request_id(request),
        )
        return Outcome(tool.failure(failed.error))
    except Exception as problem:  # a defect is told as such, with an id
        return Outcome(failed_content(unforeseen(problem).error))
    return Outcome(content, structured)


async def _response(
    request: web.Request, calls: Calls, tool: Tool, arguments: Mapping[str, Any], tell: Tell
) -> Message:
    message = tool.request(arguments)
    if tool.gathers is None:
        return await calls.unary(request, tool.rpc, message)
    gathered = tool.gathers(message)
    async with calls.stream(request, tool.rpc, message) as events:
        async for event in events:
            if (progress := gathered.see(event)) is not None:
                tell(progress)
    return gathered.response()

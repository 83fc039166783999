"""The response object of OpenAI's API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, cast

import orjson

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import ChatRequest, GenerationOptions, Tool, ToolChoice, Usage
from funland.v1.responses_pb2 import Response
from funland_gateway.dialects.openai.callees import Callee, callee, callees
from funland_gateway.dialects.openai.errors import message
from funland_gateway.dialects.openai.responses_items import Item, output_items
from funland_gateway.failures import http_status

STATES: Final = {
    Response.QUEUED: "queued",
    Response.IN_PROGRESS: "in_progress",
    Response.COMPLETED: "completed",
    Response.INCOMPLETE: "incomplete",
    Response.FAILED: "failed",
    Response.CANCELLED: "cancelled",
}
"""OpenAI's words for where a response stands."""

_MODES: Final = {ToolChoice.NONE: "none", ToolChoice.REQUIRED: "required"}

_TIERS: Final = {GenerationOptions.LOW: "flex", GenerationOptions.HIGH: "priority"}

_DEFAULTS: Final = {"temperature": 0.8, "top_p": 0.95}
"""As `SamplingParameters` has them."""

_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500


def response_object(
    response: Response, echo: Mapping[str, Any], output: list[Item] | None = None
) -> dict[str, Any]:
    """The whole object. `echo` are parameters of the request as they came, where they are known;
    `output` are the items, where they are not those of `output_items`."""
    if output is None:
        output = output_items(response)
    request = response.request
    cut_off = response.state == Response.INCOMPLETE
    return {
        "id": response.response_id,
        "object": "response",
        "created_at": response.create_time.seconds,
        "status": STATES[response.state],
        "background": response.background,
        "error": response_error(response.error) if response.HasField("error") else None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut_off else None,
        "instructions": response.instructions or None,
        "max_output_tokens": _sampling(request, "max_tokens"),
        "max_tool_calls": None,
        "model": response.model,
        "output": output,
        "parallel_tool_calls": (
            request.parallel_tool_calls if request.HasField("parallel_tool_calls") else True
        ),
        "previous_response_id": response.previous_response_id or None,
        "reasoning": {"effort": _effort(request), "summary": None},
        "service_tier": _TIERS.get(request.options.priority, "default"),
        "store": response.stored,
        "temperature": _sampling(request, "temperature"),
        "text": {"format": _format(request)},
        "tool_choice": _tool_choice(request),
        "tools": [*_tools(request.tools), *map(_server, request.mcp_servers)],
        "top_logprobs": request.options.top_logprobs,
        "top_p": _sampling(request, "top_p"),
        "truncation": "auto" if request.drop_oldest else "disabled",
        "usage": usage(response.usage) if response.HasField("usage") else None,
        "user": None,
        "metadata": dict(response.metadata),
        **echo,
    }


def usage(tokens: Usage) -> dict[str, Any]:
    """The usage of a response, whose names are not those of chat completions."""
    return {
        "input_tokens": tokens.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": tokens.cached_prompt_tokens,
            "cache_write_tokens": 0,  # what is written costs nobody anything here
        },
        "output_tokens": tokens.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning_tokens},
        "total_tokens": tokens.total_tokens,
    }


def response_error(error: Error) -> dict[str, Any]:
    """The error of a response. OpenAI knows few codes here; the message says the rest."""
    status = http_status(error)
    if status == _TOO_MANY_REQUESTS:
        code = "rate_limit_exceeded"
    else:
        code = "server_error" if status >= _SERVER_ERROR else "invalid_prompt"
    return {"code": code, "message": message(error)}


def _sampling(request: ChatRequest, name: str) -> Any:
    """A parameter's value, or its default: null where that is no number."""
    sampling: Any = request.sampling
    if not sampling.HasField(name):
        return _DEFAULTS.get(name)
    value = getattr(sampling, name)
    # The wire's 32 bits would show 0.7 as 0.699999988079071.
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _effort(request: ChatRequest) -> str | None:
    if request.HasField("reasoning") and not request.reasoning:
        return "none"
    return _parsed(request.template_arguments).get("reasoning_effort")


def _format(request: ChatRequest) -> dict[str, Any]:
    match request.format.WhichOneof("format"):
        case "json_object":
            return {"type": "json_object"}
        case "json_schema":
            return {
                "type": "json_schema",
                "name": "schema",
                "schema": _parsed(request.format.json_schema),
                "strict": True,
            }
        case _:
            return {"type": "text"}


def _tool_choice(request: ChatRequest) -> Any:
    if name := request.tool_choice.name:
        known = callee(callees(request.tools), name)
        space = {"namespace": known.namespace} if known.namespace else {}
        return {"type": _tool_kind(known), "name": known.name, **space}
    return _MODES.get(request.tool_choice.mode, "auto")


def _tools(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """The tools as they were offered, but for those that were left out."""
    known = callees(tools)
    made: list[dict[str, Any]] = []
    for namespace, members in groupby(tools, attrgetter("namespace")):
        told = [_tool(tool, callee(known, tool.name)) for tool in members]
        group = {"type": "namespace", "name": namespace, "description": "", "tools": told}
        made += [group] if namespace else told
    return made


def _tool(tool: Tool, known: Callee) -> dict[str, Any]:
    described = {
        "type": _tool_kind(known),
        "name": known.name,
        "description": tool.description or None,
    }
    if known.free_form:
        return {**described, "format": {"type": "text"}}
    return {**described, "parameters": _parsed(tool.parameters), "strict": True}


def _server(label: str) -> dict[str, Any]:
    return {"type": "mcp", "server_label": label, "require_approval": "never"}


def _tool_kind(known: Callee) -> str:
    return "custom" if known.free_form else "function"


def _parsed(text: str) -> dict[str, Any]:
    """A JSON object; what a caller of another API sent may be none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

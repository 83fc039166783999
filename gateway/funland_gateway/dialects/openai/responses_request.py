"""Reads requests to `/v1/responses`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    ChatRequest,
    GenerationOptions,
    OutputFormat,
)
from funland.v1.responses_pb2 import CreateResponseRequest
from funland_gateway.dialects.dialect import Blames
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.formats import json_object, json_schema
from funland_gateway.dialects.openai.generation import generation_blames
from funland_gateway.dialects.openai.offers import warnings_of
from funland_gateway.dialects.openai.parameter_table import SAMPLING
from funland_gateway.dialects.openai.parameters import RESPONSE_REFUSALS, read_metadata, refuse
from funland_gateway.dialects.openai.reasoning import read_effort, read_reasoning
from funland_gateway.dialects.openai.responses_input import read_input
from funland_gateway.dialects.openai.tools import Tools, read_tools
from funland_gateway.dialects.reading import JsonObject, invalid, unsupported
from funland_gateway.dialects.sampling import Sampling, read_sampling

RESPONSE_SAMPLING: Final[Mapping[str, str]] = {
    "max_output_tokens": "max_tokens",
    # Few of these are of this API, but of its sister: what people miss here.
    **SAMPLING,
}
"""The contract's names of the sampling parameters by the names that requests use."""

LOGPROBS: Final = "message.output_text.logprobs"
"""What `include` must have for the logarithms of probabilities."""


_DROPS: Final = {"": False, "disabled": False, "auto": True}
"""Whether the oldest messages may be left out, by `truncation`."""

_PRIORITIES: Final = {
    "flex": GenerationOptions.LOW,
    "fast": GenerationOptions.HIGH,
    "priority": GenerationOptions.HIGH,
}

_ECHOED: Final = (
    "tools", "tool_choice", "text", "reasoning", "temperature", "top_p", "max_tool_calls", "user",
    "safety_identifier", "prompt_cache_key",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """A request, and what its answer repeats of it."""

    message: CreateResponseRequest
    sampling: Sampling
    tools: Tools
    stream: bool
    echo: Mapping[str, Any]
    """The parameters as they came: the contract's form of them has not every detail."""

    def field_name(self, path: str) -> str:
        """What the request calls a field of the contract."""
        path = path.removeprefix("chat.")
        # One message can be several items, and several messages one.
        path = re.sub(r"^messages(\[\d+\].*)?$", "input", path)
        path = re.sub(r"^format\.\w+$", "text.format.schema", path)
        path = re.sub(r"^drop_oldest$", "truncation", path)
        path = re.sub(r"^mcp_servers(\[\d+\])?$", "tools", path)
        path = re.sub(r"^template_arguments$", "chat_template_kwargs", path)
        path = path.removeprefix("options.")
        return self.sampling.field_name(renamed(path, self.tools.names))

    @property
    def blames(self) -> Blames:
        """The field that is to blame, by reasons."""
        bound = self.message.chat.HasField("format")
        blames = generation_blames("input", "text.format.schema" if bound else "tools")
        return {
            **blames,
            ErrorReason.RESPONSE_NOT_FOUND: "previous_response_id",
            ErrorReason.MCP_SERVER_NOT_FOUND: "tools",
            ErrorReason.MCP_SERVER_UNAVAILABLE: "tools",
        }


def read_request(body: JsonObject) -> ResponseRequest:
    """Reads the body of a request for a response."""
    refuse(body, RESPONSE_REFUSALS)
    sampling = read_sampling(body, RESPONSE_SAMPLING)
    reasoning = read_reasoning(body, _effort(body))
    tools = read_tools(body, nested=False)
    if tools.servers and body.raw("max_tool_calls") is not None:
        problem = "calls of MCP servers' tools are not counted; leave it out."
        raise unsupported(body.path_of("max_tool_calls"), problem)
    message = CreateResponseRequest(
        chat=ChatRequest(
            model=body.optional_string("model"),
            messages=read_input(body, tools),
            sampling=sampling.parameters,
            format=_format(body),
            options=_options(body),
            tools=tools.tools,
            tool_choice=tools.choice,
            parallel_tool_calls=body.boolean("parallel_tool_calls"),
            reasoning=reasoning.wanted,
            template_arguments=reasoning.template_arguments,
            drop_oldest=_drops_oldest(body),
            mcp_servers=tools.servers,
        ),
        previous_response_id=body.optional_string("previous_response_id"),
        instructions=body.optional_string("instructions"),
        store=body.boolean("store"),
        metadata=read_metadata(body),
        background=bool(body.boolean("background")),
    )
    echo = {name: body.raw(name) for name in _ECHOED if body.raw(name) is not None}
    if "text" in echo:
        echo["text"] = {"format": {"type": "text"}, **echo["text"]}
    echo |= warnings_of(tools.warnings)
    return ResponseRequest(message, sampling, tools, bool(body.boolean("stream")), echo)


def _drops_oldest(body: JsonObject) -> bool:
    wanted = body.optional_string("truncation")
    if wanted not in _DROPS:
        raise invalid(body.path_of("truncation"), "must be one of auto, disabled")
    return _DROPS[wanted]


def _format(body: JsonObject) -> OutputFormat | None:
    text = body.object("text")
    form = text.object("format") if text is not None else None
    if form is None:
        return None
    match form.string("type"):
        case "text":
            return None
        case "json_object":
            return json_object()
        case "json_schema":
            return json_schema(form, "schema")
        case kind:
            raise unsupported(form.path_of("type"), f"{kind[:64]!r} is not supported.")


def _options(body: JsonObject) -> GenerationOptions:
    options = GenerationOptions(progress=bool(body.boolean("stream")))  # of which comments tell
    top = body.integer("top_logprobs")
    if LOGPROBS in body.strings("include"):
        options.top_logprobs = top or 0
    elif top:
        raise invalid(body.path_of("top_logprobs"), f"needs {LOGPROBS!r} in include")
    options.priority = _PRIORITIES.get(
        body.optional_string("service_tier"), GenerationOptions.PRIORITY_UNSPECIFIED
    )
    return options


def _effort(body: JsonObject) -> str | None:
    reasoning = body.object("reasoning")
    return read_effort(reasoning, "effort") if reasoning is not None else None

"""Reads requests to `/v1/responses`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    ChatRequest,
    GenerationOptions,
    OutputFormat,
    Tool,
    ToolChoice,
)
from funland.v1.responses_pb2 import CreateResponseRequest
from funland_gateway.dialects.dialect import Blames
from funland_gateway.dialects.openai.formats import json_object, json_schema
from funland_gateway.dialects.openai.generation import generation_blames
from funland_gateway.dialects.openai.parameters import Refusals, read_metadata, refuse
from funland_gateway.dialects.openai.reasoning import read_effort, wants_thought
from funland_gateway.dialects.openai.responses_input import read_input
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, unsupported
from funland_gateway.dialects.sampling import Sampling, read_sampling

RESPONSE_SAMPLING: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_tokens",
    # Not of this API, but of its sister: what people miss here.
    "seed": "seed",
    "stop": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
"""The contract's names of the sampling parameters by the names that requests use."""

LOGPROBS: Final = "message.output_text.logprobs"
"""What `include` must have for the logarithms of probabilities."""


def _anything(value: Any) -> bool:
    return bool(value)


REFUSALS: Final[Refusals] = {
    "conversation": _anything,
    "prompt": _anything,
    "context_management": _anything,
    "moderation": _anything,
    "truncation": lambda value: value != "disabled",
}
"""What else is not here is a hint that changes no answer of ours, such as `prompt_cache_key`."""

_CHOICES: Final = {
    "auto": ToolChoice.AUTO,
    "none": ToolChoice.NONE,
    "required": ToolChoice.REQUIRED,
}

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
    stream: bool
    echo: Mapping[str, Any]
    """The parameters as they came: the contract's form of them has not every detail."""

    def field_name(self, path: str) -> str:
        """What the request calls a field of the contract."""
        path = path.removeprefix("chat.")
        # One message can be several items, and several messages one.
        path = re.sub(r"^messages(\[\d+\].*)?$", "input", path)
        path = re.sub(r"^format\.\w+$", "text.format.schema", path)
        path = re.sub(r"^tool_choice\.\w+$", "tool_choice", path)
        path = path.removeprefix("options.")
        return self.sampling.field_name(path)

    @property
    def blames(self) -> Blames:
        """The field that is to blame, by reasons."""
        bound = self.message.chat.HasField("format")
        blames = generation_blames("input", "text.format.schema" if bound else "tools")
        return {**blames, ErrorReason.RESPONSE_NOT_FOUND: "previous_response_id"}


def read_request(body: JsonObject) -> ResponseRequest:
    """Reads the body of a request for a response."""
    refuse(body, REFUSALS)
    sampling = read_sampling(body, RESPONSE_SAMPLING)
    if sampling.parameters.HasField("seed"):
        sampling.parameters.seed &= 0xFFFFFFFF
    effort = _effort(body)
    # Some templates write it into the prompt.
    told = _json({"reasoning_effort": effort}) if effort not in (None, "none") else ""
    message = CreateResponseRequest(
        chat=ChatRequest(
            model=body.optional_string("model"),
            messages=read_input(body),
            sampling=sampling.parameters,
            format=_format(body),
            options=_options(body),
            parallel_tool_calls=body.boolean("parallel_tool_calls"),
            reasoning=wants_thought(effort),
            template_arguments=told,
        ),
        previous_response_id=body.optional_string("previous_response_id"),
        instructions=body.optional_string("instructions"),
        store=body.boolean("store"),
        metadata=read_metadata(body),
        background=bool(body.boolean("background")),
    )
    _add_tools(body, message.chat)
    echo = {name: body.raw(name) for name in _ECHOED if body.raw(name) is not None}
    if "text" in echo:
        echo["text"] = {"format": {"type": "text"}, **echo["text"]}
    return ResponseRequest(message, sampling, bool(body.boolean("stream")), echo)


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
    options = GenerationOptions()
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


def _add_tools(body: JsonObject, chat: ChatRequest) -> None:
    tools = body.objects("tools") if body.raw("tools") is not None else []
    chat.tools.extend(_tool(tool) for tool in tools)
    choice = body.raw("tool_choice")
    path = body.path_of("tool_choice")
    if choice is None:
        return
    if isinstance(choice, str):
        chat.tool_choice.mode = _mode(choice, path)
    elif isinstance(choice, dict):
        _choose(JsonObject.read(cast("object", choice), path), chat)
    else:
        raise malformed(path, "a string or an object")


def _tool(tool: JsonObject) -> Tool:
    kind = tool.string("type")
    if kind != "function":
        raise unsupported(tool.path_of("type"), f"only functions are supported, not {kind[:64]!r}.")
    parameters = tool.object("parameters")
    return Tool(
        name=tool.string("name"),
        description=tool.optional_string("description"),
        parameters=_json(dict(parameters.items())) if parameters is not None else "",
    )


def _choose(choice: JsonObject, chat: ChatRequest) -> None:
    """Names the function to call, or leaves only those tools that are allowed."""
    match choice.string("type"):
        case "function":
            chat.tool_choice.mode = ToolChoice.REQUIRED
            chat.tool_choice.name = choice.string("name")
        case "allowed_tools":
            chat.tool_choice.mode = _mode(choice.string("mode"), choice.path_of("mode"))
            allowed = {tool.string("name") for tool in choice.objects("tools")}
            if unknown := allowed - {tool.name for tool in chat.tools}:
                names = ", ".join(sorted(unknown))[:256]
                raise invalid(choice.path_of("tools"), f"names what is not in tools: {names}")
            kept = [tool for tool in chat.tools if tool.name in allowed]
            del chat.tools[:]
            chat.tools.extend(kept)
        case kind:
            raise unsupported(choice.path_of("type"), f"{kind[:64]!r} is not supported.")


def _mode(name: str, path: str) -> ToolChoice.Mode.ValueType:
    if name not in _CHOICES:
        raise invalid(path, f"must be one of {', '.join(_CHOICES)}")
    return _CHOICES[name]


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()

"""What Anthropic's requests ask a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from funland.v1 import errors_pb2
from funland.v1.inference_pb2 import ChatRequest, GenerationOptions, OutputFormat
from funland_gateway.dialects.anthropic.errors import THREAD
from funland_gateway.dialects.anthropic.messages import continues, read_messages
from funland_gateway.dialects.anthropic.tools import NAMES, PARAMETERS, read_tools
from funland_gateway.dialects.dialect import Blames
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.reading import JsonObject, invalid, missing, unsupported
from funland_gateway.dialects.sampling import Sampling, read_sampling
from funland_gateway.dialects.showing import SHOWN_REASONS

SAMPLING: Final[Mapping[str, str]] = {
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    # Not Anthropic's.
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "seed": "seed",
}
"""The contract's names of the sampling parameters by the names that requests use."""

THINKING: Final[Mapping[str, bool]] = {"enabled": True, "adaptive": True, "disabled": False}

_HERE: Final = "this is not served; leave it out."
_UNSERVED: Final[Mapping[str, str]] = {
    THREAD: "no conversation is kept here: send all of its messages.",
    "compaction": _HERE,
    "container": _HERE,
    "mcp_servers": _HERE,
}
"""What would be done on Anthropic's machines; other names that are not known change no answer."""

_TOOL_FIELD = re.compile(r"^(tools\[\d+\])\.parameters\b")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks."""

    chat: ChatRequest
    sampling: Sampling
    names: Mapping[str, str]
    """What the request calls the contract's fields, but for those of the sampling."""
    tells_thoughts: bool
    """Whether what the model thought is wanted."""

    def field_name(self, path: str) -> str:
        """What the request calls a field of the contract."""
        named = _TOOL_FIELD.sub(rf"\1.{PARAMETERS}", renamed(path, self.names))
        return self.sampling.field_name(named)

    def within(self, path: str) -> str:
        """The same of a field of a message that holds the chat."""
        return self.field_name(path.removeprefix("chat."))

    @property
    def blames(self) -> Blames:
        """The field that is to blame, by reasons."""
        constraint = self.names.get("format", "tools")
        return {
            errors_pb2.PROMPT_TOO_LONG: "messages",
            errors_pb2.TEMPLATE_FAILED: "messages",
            errors_pb2.TEMPLATE_LIMIT: "messages",
            errors_pb2.CONSTRAINT_INVALID: constraint,
            errors_pb2.CONSTRAINT_LIMIT: constraint,
            **dict.fromkeys(SHOWN_REASONS, "messages"),
        }


def read_message_request(body: JsonObject) -> Asked:
    """Reads a request for an answer."""
    if body.raw("max_tokens") is None:
        raise missing(body.path_of("max_tokens"))
    return read_chat(body)


def read_chat(body: JsonObject) -> Asked:
    """Reads what is to be answered, which may be counted alone."""
    for name, why in _UNSERVED.items():
        if body.raw(name):
            raise unsupported(body.path_of(name), why)
    messages = read_messages(body)
    tools = read_tools(body)
    sampling = read_sampling(body, SAMPLING)
    wanted = _format(body)
    thinking = body.object("thinking")
    chat = ChatRequest(
        model=body.optional_string("model"),
        messages=messages,
        sampling=sampling.parameters,
        format=None if wanted is None else wanted[1],
        # A stream's first event tells how long the prompt is.
        options=GenerationOptions(progress=True) if body.boolean("stream") else None,
        tools=tools.tools,
        tool_choice=tools.choice,
        parallel_tool_calls=tools.parallel,
        reasoning=_thinks(thinking),
        template_arguments=_template_arguments(body),
        continue_last=continues(messages),
    )
    names = dict(NAMES)
    if wanted is not None:
        names |= {"format": wanted[0], "format.json_schema": wanted[0]}
    tells = thinking is None or thinking.optional_string("display") != "omitted"
    return Asked(chat, sampling, names, tells)


def _thinks(thinking: JsonObject | None) -> bool:
    """Whether a model that can think before it answers does: only if it is asked to."""
    if thinking is None:
        return False
    kind = thinking.string("type")
    if kind not in THINKING:
        raise invalid(thinking.path_of("type"), f"must be one of {', '.join(THINKING)}")
    return THINKING[kind]


def _template_arguments(body: JsonObject) -> str:
    """The effort that is asked for: some templates write it into the prompt."""
    config = body.object("output_config")
    effort = "" if config is None else config.optional_string("effort")
    return orjson.dumps({"reasoning_effort": effort}).decode() if effort else ""


def _format(body: JsonObject) -> tuple[str, OutputFormat] | None:
    """Where a request says what the answer must be, and what that is."""
    config = body.object("output_config")
    wanted = (config.object("format") if config is not None else None) or body.object(
        "output_format"  # as it was called first
    )
    if wanted is None:
        return None
    if (kind := wanted.string("type")) != "json_schema":
        raise invalid(wanted.path_of("type"), f"must be json_schema, not {kind[:64]!r}")
    schema = wanted.object("schema")
    if schema is None:
        raise missing(wanted.path_of("schema"))
    text = orjson.dumps(dict(schema.items())).decode()
    return wanted.path_of("schema"), OutputFormat(json_schema=text)

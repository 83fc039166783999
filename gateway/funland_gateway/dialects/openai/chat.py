"""`POST /v1/chat/completions`: OpenAI's chat as `Chat` and `StreamChat`."""

from __future__ import annotations

from functools import partial
from typing import Final

from funland.v1 import inference_pb2
from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.dialects.dialect import Incoming, Streaming, Unary
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.answers import Chunks
from funland_gateway.dialects.openai.chat_answers import ChatChoices, Shape, completion
from funland_gateway.dialects.openai.generation import Generation, read_generation
from funland_gateway.dialects.openai.messages import message_field_name, read_messages
from funland_gateway.dialects.openai.offers import log, warnings_of
from funland_gateway.dialects.openai.parameters import CHAT_REFUSALS, refuse, wants_usage
from funland_gateway.dialects.openai.reasoning import read_effort, read_reasoning
from funland_gateway.dialects.openai.stored_chats import stored
from funland_gateway.dialects.openai.tools import Tools, read_tools
from funland_gateway.dialects.reading import JsonObject, invalid, unsupported
from funland_gateway.dialects.rpcs import CHAT, STREAM_CHAT

_CONTINUE: Final = "continue_final_message"
_PROMPT: Final = "add_generation_prompt"

_NAMES: Final = {
    "template_arguments": "chat_template_kwargs",
    "reasoning": "enable_thinking",
    "continue_last": _CONTINUE,
}


def create_chat_completion(incoming: Incoming) -> Unary | Streaming:
    """Reads a chat request."""
    body = incoming.body
    refuse(body, CHAT_REFUSALS)
    generation = read_generation(body, _top_logprobs(body), "top_logprobs")
    tools = read_tools(body)
    request = chat_request(body, tools)
    request.sampling.CopyFrom(generation.sampling.parameters)
    if generation.options is not None:
        request.options.CopyFrom(generation.options)
    if generation.format is not None:
        request.format.CopyFrom(generation.format)
    field_name = partial(_field_name, generation, tools)
    blames = {
        **generation.blames("messages", "functions" if tools.legacy else "tools"),
        ErrorReason.MCP_SERVER_NOT_FOUND: "mcp_servers",
        ErrorReason.MCP_SERVER_UNAVAILABLE: "mcp_servers",
    }
    log(tools.warnings)
    told = warnings_of(tools.warnings)
    shape = Shape(generation.wants_logprobs, tools.legacy, tools.callees, told)
    if body.boolean("stream"):
        choices = ChatChoices(shape)
        chunks = Chunks(
            choices,
            incoming.time,
            wants_usage(body),
            generation.n,
            told,
            prefill=generation.tells_prefill,
        )
        call = chunks.call(STREAM_CHAT, request, field_name, blames)
    else:
        call = Unary(CHAT, request, partial(completion, incoming.time, shape), field_name, blames)
    return stored(body, request, call, shape) if body.boolean("store") else call


def chat_request(body: JsonObject, tools: Tools) -> inference_pb2.ChatRequest:
    """What a request asks the model: all that its chat template is told."""
    reasoning = read_reasoning(body, read_effort(body, "reasoning_effort"))
    return inference_pb2.ChatRequest(
        model=body.optional_string("model"),
        messages=read_messages(body, tools.told_name),
        tools=tools.tools,
        tool_choice=tools.choice,
        parallel_tool_calls=tools.parallel,
        reasoning=reasoning.wanted,
        template_arguments=reasoning.template_arguments,
        continue_last=_continues(body),
        mcp_servers=body.strings("mcp_servers"),
    )


def chat_field_name(tools: Tools, path: str) -> str:
    """What a request calls the fields of `chat_request`."""
    return message_field_name(renamed(path, {**_NAMES, **tools.names}))


def _field_name(generation: Generation, tools: Tools, path: str) -> str:
    return generation.field_name(chat_field_name(tools, path))


def _continues(body: JsonObject) -> bool:
    """Whether the answer goes on with the last message, as vLLM's clients ask for it."""
    go_on, prompt = body.boolean(_CONTINUE), body.boolean(_PROMPT)
    if go_on and prompt:
        path = body.path_of(_CONTINUE)
        raise invalid(path, f"can't be true together with {_PROMPT}: leave one of them out")
    if prompt is False and not go_on:
        path = body.path_of(_PROMPT)
        raise unsupported(path, f"a chat is answered, unless {_CONTINUE} is true.")
    return bool(go_on)


def _top_logprobs(body: JsonObject) -> int | None:
    """How many of the likeliest tokens to tell; None: no logprobs."""
    likeliest = body.integer("top_logprobs")
    if body.boolean("logprobs"):
        return likeliest or 0
    if likeliest:
        raise invalid(body.path_of("top_logprobs"), "needs logprobs to be true")
    return None

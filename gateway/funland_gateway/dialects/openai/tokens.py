"""`/tokenize`, `/detokenize` and `/apply-template`, as llama-server and vLLM have them.

The two servers name their fields differently, so a request tells which of them it is for:
`content` is llama-server's, `prompt` and `messages` are vLLM's. An answer has the fields of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from funland.v1 import errors_pb2, inference_pb2
from funland_gateway.dialects.dialect import Blames, Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.chat import chat_field_name, chat_request
from funland_gateway.dialects.openai.parameters import refuse
from funland_gateway.dialects.openai.tools import read_tools
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing
from funland_gateway.dialects.rpcs import APPLY_TEMPLATE, DETOKENIZE, TOKENIZE

_REFUSALS = {"with_pieces": bool, "return_token_strs": bool}


def tokenize(incoming: Incoming) -> Unary:
    """Reads a text, or a chat, to tokenize."""
    body = incoming.body
    refuse(body, _REFUSALS)
    if body.raw("messages") is not None:
        return _template(body, lambda response: _tokens(response.tokens))
    # The servers' own defaults, which differ.
    if body.raw("prompt") is not None:
        name, special, add_special, parse_special = "prompt", "add_special_tokens", True, False
    else:
        name, special, add_special, parse_special = "content", "add_special", False, True
    wanted = body.boolean(special)
    parse = body.boolean("parse_special")
    request = inference_pb2.TokenizeRequest(
        model=body.optional_string("model"),
        text=body.string(name),
        add_special=add_special if wanted is None else wanted,
        parse_special=parse_special if parse is None else parse,
    )
    names = {"text": name, "add_special": special}
    return Unary(
        TOKENIZE,
        request,
        lambda response: _tokens(response.tokens),
        lambda path: renamed(path, names),
    )


def detokenize(incoming: Incoming) -> Unary:
    """Reads tokens to turn into text."""
    body = incoming.body
    request = inference_pb2.DetokenizeRequest(
        model=body.optional_string("model"), tokens=_read_tokens(body)
    )
    blames: Blames = {errors_pb2.TOKEN_UNKNOWN: "tokens"}
    return Unary(DETOKENIZE, request, _text, blames=blames)


def apply_template(incoming: Incoming) -> Unary:
    """Reads a chat to make the prompt of."""
    return _template(incoming.body, lambda response: json_reply({"prompt": response.prompt}))


def _template(
    body: JsonObject, answer: Callable[[inference_pb2.ApplyTemplateResponse], Reply]
) -> Unary:
    tools = read_tools(body)
    request = inference_pb2.ApplyTemplateRequest(chat=chat_request(body, tools))
    blames: Blames = {errors_pb2.TEMPLATE_FAILED: "messages", errors_pb2.TEMPLATE_LIMIT: "messages"}
    return Unary(
        APPLY_TEMPLATE,
        request,
        answer,
        lambda path: chat_field_name(tools, path.removeprefix("chat.")),
        blames,
    )


def _read_tokens(body: JsonObject) -> list[int]:
    path = body.path_of("tokens")
    value = body.raw("tokens")
    if value is None:
        raise missing(path)
    if not isinstance(value, list):
        raise malformed(path, "a list of integers")
    tokens = cast("list[object]", value)
    return [_token(token, f"{path}[{index}]") for index, token in enumerate(tokens)]


def _token(token: object, path: str) -> int:
    if isinstance(token, bool) or not isinstance(token, int):
        raise malformed(path, "an integer")
    if not -(1 << 31) <= token < 1 << 31:
        raise invalid(path, "must be a 32-bit integer")
    return token


def _tokens(tokens: Sequence[int]) -> Reply:
    return json_reply({"tokens": list(tokens), "count": len(tokens)})


def _text(response: inference_pb2.DetokenizeResponse) -> Reply:
    return json_reply({"content": response.text, "prompt": response.text})

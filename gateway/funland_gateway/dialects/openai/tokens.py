"""Tokens and templates, as llama-server and vLLM have them.

The two servers name their fields differently, so a request tells which of them it is for:
`content` is llama-server's, `prompt` and `messages` are vLLM's. An answer has the fields of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from funland.v1 import errors_pb2, inference_pb2
from funland_gateway.dialects.dialect import Blames, Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.chat import chat_field_name, chat_request
from funland_gateway.dialects.openai.tools import read_tools
from funland_gateway.dialects.query import text
from funland_gateway.dialects.reading import JsonObject, missing, unsupported
from funland_gateway.dialects.rpcs import APPLY_TEMPLATE, DETOKENIZE, GET_TOKENIZER, TOKENIZE

MODEL: Final = text("model", "A model's id, alias or source; empty or absent: the default one.")

_PIECES: Final = "with_pieces"
_STRINGS: Final = "return_token_strs"


def tokenize(incoming: Incoming) -> Unary:
    """Reads a text, or a chat, to tokenize."""
    body = incoming.body
    if body.raw("messages") is not None:
        for name in (_PIECES, _STRINGS):
            if body.boolean(name):
                raise unsupported(body.path_of(name), "send the prompt of /apply-template instead.")
        return _template(body, lambda response: json_reply(_counted(list(response.tokens))))
    # llama-server adds no marks unless it is told to, vLLM does. Both read those in the text.
    vllm = body.raw("prompt") is not None
    name, special = ("prompt", "add_special_tokens") if vllm else ("content", "add_special")
    wanted = body.boolean(special)
    parse = body.boolean("parse_special")
    pieces, strings = bool(body.boolean(_PIECES)), bool(body.boolean(_STRINGS))
    request = inference_pb2.TokenizeRequest(
        model=body.optional_string("model"),
        text=body.string(name),
        add_special=vllm if wanted is None else wanted,
        parse_special=True if parse is None else parse,
        with_pieces=pieces or strings,
    )
    names = {"text": name, "add_special": special}
    return Unary(
        TOKENIZE,
        request,
        partial(_tokens, pieces, strings),
        lambda path: renamed(path, names),
    )


def detokenize(incoming: Incoming) -> Unary:
    """Reads tokens to turn into text."""
    body = incoming.body
    if body.raw("tokens") is None:
        raise missing(body.path_of("tokens"))
    request = inference_pb2.DetokenizeRequest(
        model=body.optional_string("model"), tokens=body.token_ids("tokens")
    )
    blames: Blames = {errors_pb2.TOKEN_UNKNOWN: "tokens"}
    return Unary(DETOKENIZE, request, _text, blames=blames)


def tokenizer_info(incoming: Incoming) -> Unary:
    """Asks for what programs that make prompts themselves must know."""
    request = inference_pb2.GetTokenizerRequest(model=MODEL.of(incoming.query))
    return Unary(GET_TOKENIZER, request, _tokenizer)


def count_chat_tokens(incoming: Incoming) -> Unary:
    """Asks how many tokens the prompt of a chat request would have; how to write the answer is not
    read."""
    return _template(
        incoming.body, lambda response: json_reply({"input_tokens": len(response.tokens)})
    )


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


def _tokens(pieces: bool, strings: bool, response: inference_pb2.TokenizeResponse) -> Reply:
    tokens: list[Any] = list(response.tokens)
    if pieces:
        tokens = [
            {"id": token, "piece": _piece(piece)}
            for token, piece in zip(response.tokens, response.pieces, strict=True)
        ]
    told = _counted(tokens)
    if strings:
        told["token_strs"] = [
            piece.decode("utf-8", "backslashreplace") for piece in response.pieces
        ]
    return json_reply(told)


def _counted(tokens: Sequence[Any]) -> dict[str, Any]:
    return {"tokens": tokens, "count": len(tokens)}


def _piece(piece: bytes) -> str | list[int]:
    """As llama-server has it: a part of a character is told as its bytes."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


def _tokenizer(tokenizer: inference_pb2.Tokenizer) -> Reply:
    """What a tokenizer's settings are called in Hugging Face's files; null: the model has none."""
    return json_reply(
        {
            "model": tokenizer.model,
            "bos_token": tokenizer.begin_mark or None,
            "eos_token": tokenizer.end_mark or None,
            "pad_token": None,  # nothing here is padded, so no model says
            "add_bos_token": tokenizer.adds_begin_mark,
            "eos_token_ids": list(tokenizer.end_tokens),
            "vocab_size": tokenizer.vocabulary_size,
            "chat_template": tokenizer.chat_template or None,
        }
    )


def _text(response: inference_pb2.DetokenizeResponse) -> Reply:
    return json_reply({"content": response.text, "prompt": response.text})

"""The `anthropic` dialect's table: https://platform.claude.com/docs/en/api/messages."""

from __future__ import annotations

from functools import partial
from typing import Final

from funland.v1.inference_pb2 import ApplyTemplateRequest
from funland_gateway.dialects.anthropic import schemas
from funland_gateway.dialects.anthropic.answers import counted, message
from funland_gateway.dialects.anthropic.errors import ENVELOPE, error_event
from funland_gateway.dialects.anthropic.request import read_chat, read_message_request
from funland_gateway.dialects.anthropic.stream import MessageStream
from funland_gateway.dialects.dialect import Dialect, Incoming, Route, Streaming, Unary
from funland_gateway.dialects.rpcs import APPLY_TEMPLATE, CHAT, STREAM_CHAT

_TAG: Final = "anthropic"


def create_message(incoming: Incoming) -> Unary | Streaming:
    """Answers a conversation."""
    asked = read_message_request(incoming.body)
    if incoming.body.boolean("stream"):
        stream = MessageStream(tells_thoughts=asked.tells_thoughts)
        return Streaming(
            STREAM_CHAT,
            asked.chat,
            stream.events_of,
            asked.field_name,
            failure=error_event,
            blames=asked.blames,
        )
    answer = partial(message, asked.tells_thoughts)
    return Unary(CHAT, asked.chat, answer, asked.field_name, asked.blames)


def count_tokens(incoming: Incoming) -> Unary:
    """Asks how many tokens a request would have."""
    asked = read_chat(incoming.body)
    request = ApplyTemplateRequest(chat=asked.chat)
    return Unary(APPLY_TEMPLATE, request, counted, asked.within, asked.blames)


ANTHROPIC: Final = Dialect(
    name=_TAG,
    prefixes=("/v1/messages",),
    envelope=ENVELOPE,
    routes=(
        Route(
            "POST",
            "/v1/messages",
            create_message,
            "Answers a conversation, as Anthropic's API has it.",
            _TAG,
            schemas.MESSAGE_REQUEST,
            schemas.MESSAGE,
            streams=True,
        ),
        Route(
            "POST",
            "/v1/messages/count_tokens",
            count_tokens,
            "Counts the tokens of a request.",
            _TAG,
            schemas.COUNT_REQUEST,
            schemas.COUNT,
        ),
    ),
)

"""The part of the `openai` dialect's table below `/v1/chat/completions`."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Route
from funland_gateway.dialects.openai import schemas
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.paging import AFTER, LIMIT, OLDEST_FIRST
from funland_gateway.dialects.openai.stored_chats import (
    METADATA,
    MODEL,
    delete_chat_completion,
    list_chat_completions,
    list_chat_messages,
    retrieve_chat_completion,
    update_chat_completion,
)
from funland_gateway.dialects.openai.tokens import count_chat_tokens

_TAG: Final = "openai"

CHAT_ROUTES: Final = (
    Route(
        "POST",
        "/v1/chat/completions",
        create_chat_completion,
        "Answers a conversation.",
        _TAG,
        schemas.CHAT_REQUEST,
        schemas.CHAT_RESPONSE,
        streams=True,
    ),
    Route(
        "GET",
        "/v1/chat/completions",
        list_chat_completions,
        "Lists the chat completions that are kept.",
        _TAG,
        response_schema=schemas.CHAT_LIST,
        query=(AFTER, LIMIT, OLDEST_FIRST, MODEL, METADATA),
    ),
    # Before those with a variable, which would take it for an id.
    Route(
        "POST",
        "/v1/chat/completions/input_tokens",
        count_chat_tokens,
        "Counts the tokens of a conversation, as llama-server does.",
        _TAG,
        schemas.TEMPLATE_REQUEST,
        schemas.COUNTED,
    ),
    # Before the next: there the variable would take `/messages` for a part of the id.
    Route(
        "GET",
        "/v1/chat/completions/{completion_id}/messages",
        list_chat_messages,
        "Lists the messages that a chat completion answers.",
        _TAG,
        response_schema=schemas.CHAT_MESSAGE_LIST,
        query=(AFTER, LIMIT, OLDEST_FIRST),
    ),
    Route(
        "GET",
        "/v1/chat/completions/{completion_id}",
        retrieve_chat_completion,
        "Gets a chat completion that is kept.",
        _TAG,
        response_schema=schemas.CHAT_RESPONSE,
    ),
    Route(
        "POST",
        "/v1/chat/completions/{completion_id}",
        update_chat_completion,
        "Replaces the metadata of a chat completion.",
        _TAG,
        schemas.CHAT_UPDATE,
        schemas.CHAT_RESPONSE,
    ),
    Route(
        "DELETE",
        "/v1/chat/completions/{completion_id}",
        delete_chat_completion,
        "Forgets a chat completion.",
        _TAG,
        response_schema=schemas.DELETED,
    ),
)

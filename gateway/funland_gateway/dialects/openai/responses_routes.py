"""The part of the `openai` dialect's table below `/v1/responses`."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Route
from funland_gateway.dialects.openai import responses_schemas as schemas
from funland_gateway.dialects.openai.paging import AFTER, LIMIT, NEWEST_FIRST
from funland_gateway.dialects.openai.responses import (
    STARTING_AFTER,
    STREAM,
    cancel_response,
    count_input_tokens,
    create_response,
    delete_response,
    list_input_items,
    retrieve_response,
)
from funland_gateway.dialects.openai.schemas import DELETED

_TAG: Final = "openai"

RESPONSE_ROUTES: Final = (
    Route(
        "POST",
        "/v1/responses",
        create_response,
        "Answers a conversation of which only the new part is sent.",
        _TAG,
        schemas.RESPONSE_REQUEST,
        schemas.RESPONSE,
        streams=True,
    ),
    Route(
        "POST",
        "/v1/responses/input_tokens",
        count_input_tokens,
        "Counts the tokens of a request.",
        _TAG,
        schemas.TOKENS_REQUEST,
        schemas.INPUT_TOKENS,
    ),
    # Before the next: there the variable would take `/input_items` for a part of the id.
    Route(
        "GET",
        "/v1/responses/{response_id}/input_items",
        list_input_items,
        "Lists what a response answers.",
        _TAG,
        response_schema=schemas.ITEM_LIST,
        query=(AFTER, LIMIT, NEWEST_FIRST),
    ),
    Route(
        "GET",
        "/v1/responses/{response_id}",
        retrieve_response,
        "Gets a response that is kept.",
        _TAG,
        response_schema=schemas.RESPONSE,
        streams=True,
        query=(STREAM, STARTING_AFTER),
    ),
    Route(
        "DELETE",
        "/v1/responses/{response_id}",
        delete_response,
        "Forgets a response.",
        _TAG,
        response_schema=DELETED,
    ),
    Route(
        "POST",
        "/v1/responses/{response_id}/cancel",
        cancel_response,
        "Stops a response that is made in the background.",
        _TAG,
        schemas.NOTHING,
        schemas.RESPONSE,
    ),
)

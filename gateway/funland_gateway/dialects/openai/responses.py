"""`/v1/responses`: OpenAI's stored answers as `ResponseService`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import ApplyTemplateRequest, ApplyTemplateResponse, Message
from funland.v1.responses_pb2 import (
    DeleteResponseRequest,
    GetResponseRequest,
    ListResponseInputRequest,
    ListResponseInputResponse,
    Response,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Unary, json_reply
from funland_gateway.dialects.openai.responses_answer import response_object
from funland_gateway.dialects.openai.responses_items import Item, input_items
from funland_gateway.dialects.openai.responses_request import read_request
from funland_gateway.dialects.openai.responses_stream import ResponseStream
from funland_gateway.dialects.reading import invalid, unsupported
from funland_gateway.dialects.rpcs import (
    APPLY_TEMPLATE,
    CREATE_RESPONSE,
    DELETE_RESPONSE,
    GET_RESPONSE,
    LIST_RESPONSE_INPUT,
    STREAM_RESPONSE,
)
from funland_gateway.failures import failure

_MOST_ITEMS: Final = 100
_USUAL_ITEMS: Final = 20

_BLAMES: Final[Mapping[int, str]] = {ErrorReason.RESPONSE_NOT_FOUND: "previous_response_id"}


def create_response(incoming: Incoming) -> Unary | Streaming:
    """Reads a request for a response."""
    request = read_request(incoming.body)
    if request.stream:
        stream = ResponseStream(request.echo)
        return Streaming(
            STREAM_RESPONSE,
            request.message,
            stream.events_of,
            request.field_name,
            is_last=stream.is_last,
            failure=stream.failed,
            blames=_BLAMES,
        )
    answer = partial(_response, request.echo)
    return Unary(CREATE_RESPONSE, request.message, answer, request.field_name, _BLAMES)


def retrieve_response(incoming: Incoming) -> Unary:
    """Asks for a response that was kept."""
    if incoming.query.get("stream", "").lower() == "true":
        raise unsupported("stream", "a response can be streamed only while it is made.")
    return Unary(GET_RESPONSE, _named(incoming), partial(_response, {}))


def delete_response(incoming: Incoming) -> Unary:
    """Asks for a response to be forgotten."""
    response_id = incoming.path["response_id"]

    def answer(_: Empty) -> Reply:
        return json_reply({"id": response_id, "object": "response", "deleted": True})

    return Unary(DELETE_RESPONSE, DeleteResponseRequest(response_id=response_id), answer)


def cancel_response(incoming: Incoming) -> Unary:
    """Refuses, for a response that there is: it is done, since none is made in the background."""

    def answer(_: Response) -> Reply:
        raise failure(
            "INVALID_ARGUMENT",
            ErrorReason.PARAMETER_UNSUPPORTED,
            "Only a response that is made in the background can be cancelled, and none is here;"
            " close the connection of one that is under way.",
            parameter="response_id",
        )

    return Unary(GET_RESPONSE, _named(incoming), answer)


def list_input_items(incoming: Incoming) -> Unary:
    """Asks for what a response answers."""
    response_id = incoming.path["response_id"]
    page = partial(_page, incoming.query, _limit(incoming.query))

    def answer(response: ListResponseInputResponse) -> Reply:
        return json_reply(page(input_items(response_id, response.messages)))

    return Unary(LIST_RESPONSE_INPUT, ListResponseInputRequest(response_id=response_id), answer)


def count_input_tokens(incoming: Incoming) -> Unary:
    """Asks how many tokens a request would have."""
    request = read_request(incoming.body)
    if request.message.previous_response_id:
        raise unsupported("previous_response_id", "send the whole conversation to be counted.")
    chat = request.message.chat
    if request.message.instructions:
        chat.messages.insert(0, Message(role=Message.SYSTEM, content=request.message.instructions))
    return Unary(APPLY_TEMPLATE, ApplyTemplateRequest(chat=chat), _counted, request.field_name)


def _named(incoming: Incoming) -> GetResponseRequest:
    return GetResponseRequest(response_id=incoming.path["response_id"])


def _response(echo: Mapping[str, Any], response: Response) -> Reply:
    return json_reply(response_object(response, echo))


def _counted(response: ApplyTemplateResponse) -> Reply:
    return json_reply({"object": "response.input_tokens", "input_tokens": len(response.tokens)})


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(_USUAL_ITEMS))
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= _MOST_ITEMS:
        raise invalid("limit", f"must be a number from 1 to {_MOST_ITEMS}")
    return int(text)


def _page(query: Mapping[str, str], limit: int, items: list[Item]) -> dict[str, Any]:
    """A page of a list: the newest first, unless `order` is `asc`."""
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise invalid("order", "must be one of asc, desc")
    if order == "desc":
        items = items[::-1]
    if after := query.get("after"):
        places = [place for place, item in enumerate(items) if item["id"] == after]
        if not places:
            raise invalid("after", "is no item of this list")
        items = items[places[0] + 1 :]
    page = items[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else "",
        "last_id": page[-1]["id"] if page else "",
        "has_more": len(items) > limit,
    }

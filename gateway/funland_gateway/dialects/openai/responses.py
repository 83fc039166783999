"""`/v1/responses`: OpenAI's stored answers as `ResponseService`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

from funland.v1.inference_pb2 import ApplyTemplateRequest, ApplyTemplateResponse, Message
from funland.v1.responses_pb2 import (
    CancelResponseRequest,
    DeleteResponseRequest,
    ListResponseInputRequest,
    ListResponseInputResponse,
    Response,
    ResponseEvent,
    WatchResponseRequest,
)
from funland_gateway.dialects.dialect import Incoming, Named, Reply, Streaming, Unary, json_reply
from funland_gateway.dialects.openai.kept import kept_response
from funland_gateway.dialects.openai.offers import log
from funland_gateway.dialects.openai.paging import NEWEST_FIRST, read_paging
from funland_gateway.dialects.openai.responses_answer import response_object
from funland_gateway.dialects.openai.responses_items import input_items
from funland_gateway.dialects.openai.responses_request import read_request
from funland_gateway.dialects.openai.responses_stream import ResponseStream
from funland_gateway.dialects.query import switch, whole_number
from funland_gateway.dialects.reading import invalid, unsupported
from funland_gateway.dialects.rpcs import (
    APPLY_TEMPLATE,
    CANCEL_RESPONSE,
    CREATE_RESPONSE,
    DELETE_RESPONSE,
    LIST_RESPONSE_INPUT,
    STREAM_RESPONSE,
    WATCH_RESPONSE,
)

STREAM: Final = switch("stream", "Answer with the events of the response, and those to come.")
STARTING_AFTER: Final = whole_number(
    "starting_after",
    "With `stream`, of a response made in the background: only events after this"
    " `sequence_number`.",
    0,
    2**53,  # as far as JavaScript counts
    None,
)


def create_response(incoming: Incoming) -> Unary | Streaming:
    """Reads a request for a response."""
    request = read_request(incoming.body)
    log(request.tools.warnings)
    if request.stream:
        stream = ResponseStream(request.echo)
        return Streaming(
            STREAM_RESPONSE,
            request.message,
            stream.events_of,
            request.field_name,
            is_last=stream.is_last,
            failure=stream.failed,
            blames=request.blames,
        )
    answer = partial(_response, request.echo)
    return Unary(CREATE_RESPONSE, request.message, answer, request.field_name, request.blames)


def retrieve_response(incoming: Incoming) -> Unary | Streaming:
    """Asks for a response that is kept, or for its events."""
    wanted = kept_response(incoming.path["response_id"])
    after = STARTING_AFTER.of(incoming.query)
    if not STREAM.of(incoming.query):
        return wanted.found(partial(_response, {}))
    stream = ResponseStream({}, after)

    def events(event: ResponseEvent) -> Iterator[Named]:
        if event.HasField("created"):
            wanted.check(event.created)
            if after is not None and not event.created.background:
                raise invalid(STARTING_AFTER.name, "is only for what is made in the background")
        return stream.events_of(event)

    # All events, whatever the caller has: each is numbered by those before it.
    request = WatchResponseRequest(response_id=wanted.response_id)
    return Streaming(
        WATCH_RESPONSE,
        request,
        events,
        is_last=stream.is_last,
        failure=stream.failed,
        words=wanted.words,
    )


def delete_response(incoming: Incoming) -> Unary:
    """Asks for a response to be forgotten."""
    wanted = kept_response(incoming.path["response_id"])
    request = DeleteResponseRequest(response_id=wanted.response_id)

    def answer(_: Empty) -> Reply:
        return json_reply({"id": wanted.name, "object": "response", "deleted": True})

    return wanted.found(lambda _: Unary(DELETE_RESPONSE, request, answer, words=wanted.words))


def cancel_response(incoming: Incoming) -> Unary:
    """Asks for a response that is made in the background to be stopped."""
    wanted = kept_response(incoming.path["response_id"])
    request = CancelResponseRequest(response_id=wanted.response_id)
    answer = partial(_response, {})
    return wanted.found(lambda _: Unary(CANCEL_RESPONSE, request, answer, words=wanted.words))


def list_input_items(incoming: Incoming) -> Unary:
    """Asks for what a response answers."""
    paging = read_paging(incoming.query, NEWEST_FIRST)
    wanted = kept_response(incoming.path["response_id"])
    request = ListResponseInputRequest(response_id=wanted.response_id)

    def list_them(response: Response) -> Unary:
        def answer(found: ListResponseInputResponse) -> Reply:
            items = input_items(wanted.response_id, found.messages, response.request.tools)
            return json_reply(paging.of(items))

        return Unary(LIST_RESPONSE_INPUT, request, answer, words=wanted.words)

    return wanted.found(list_them)


def count_input_tokens(incoming: Incoming) -> Unary:
    """Asks how many tokens a request would have."""
    request = read_request(incoming.body)
    if request.message.previous_response_id:
        raise unsupported("previous_response_id", "send the whole conversation to be counted.")
    chat = request.message.chat
    if request.message.instructions:
        chat.messages.insert(0, Message(role=Message.SYSTEM, content=request.message.instructions))
    return Unary(APPLY_TEMPLATE, ApplyTemplateRequest(chat=chat), _counted, request.field_name)


def _response(echo: Mapping[str, Any], response: Response) -> Reply:
    return json_reply(response_object(response, echo))


def _counted(response: ApplyTemplateResponse) -> Reply:
    return json_reply({"object": "response.input_tokens", "input_tokens": len(response.tokens)})

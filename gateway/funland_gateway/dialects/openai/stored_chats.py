"""Chat completions that are kept: OpenAI's `store`, and its routes to find them again."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

from funland.v1.inference_pb2 import (
    ChatRequest,
    ChatResponse,
    Finish,
    GenerationEvent,
    Message,
    MessagePart,
    Start,
)
from funland.v1.responses_pb2 import (
    CreateResponseRequest,
    DeleteResponseRequest,
    ListResponseInputRequest,
    ListResponseInputResponse,
    ListResponsesRequest,
    ListResponsesResponse,
    Response,
    ResponseEvent,
    UpdateResponseRequest,
)
from funland_gateway.dialects.dialect import Incoming, Named, Reply, Streaming, Unary, json_reply
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.callees import callees
from funland_gateway.dialects.openai.chat_answers import (
    ID_PREFIX,
    Shape,
    completion_object,
    message_object,
)
from funland_gateway.dialects.openai.kept import CHATS, bare_id, kept_chat, response_id
from funland_gateway.dialects.openai.paging import OLDEST_FIRST, page, read_paging
from funland_gateway.dialects.openai.parameters import read_metadata
from funland_gateway.dialects.query import pairs, text
from funland_gateway.dialects.reading import JsonObject, missing, unsupported
from funland_gateway.dialects.rpcs import (
    CREATE_RESPONSE,
    DELETE_RESPONSE,
    LIST_RESPONSE_INPUT,
    LIST_RESPONSES,
    STREAM_RESPONSE,
    UPDATE_RESPONSE,
)
from funland_gateway.dialects.showing import address, sound_kind

MODEL: Final = text("model", "Only those that this model answered.")
METADATA: Final = pairs("metadata", "Only those whose metadata has all of these.")

_LIST_NAMES: Final = {"page_token": "after", "page_size": "limit"}
_ROLES: Final = {Message.SYSTEM: "system", Message.USER: "user", Message.TOOL: "tool"}


def stored(
    body: JsonObject, chat: ChatRequest, call: Unary | Streaming, shape: Shape
) -> Unary | Streaming:
    """Instead of the call that answers a chat, the one that keeps the completion too."""
    if chat.options.n > 1:
        raise unsupported(body.path_of("n"), "a completion that is stored has one choice.")
    if body.boolean("stream") and body.boolean("return_progress"):
        path = body.path_of("return_progress")
        raise unsupported(path, "a stream that is stored does not tell it.")
    request = CreateResponseRequest(
        chat=chat, store=True, collection=CHATS, metadata=read_metadata(body)
    )

    def field_name(path: str) -> str:
        return call.field_name(path.removeprefix("chat."))

    if isinstance(call, Unary):
        return replace(
            call,
            rpc=CREATE_RESPONSE,
            message=request,
            answer=partial(_completion, shape),
            field_name=field_name,
        )
    make_chunks = call.events

    def events(event: ResponseEvent) -> Iterable[bytes | Named]:
        return make_chunks(_chat_event(event))

    return replace(call, rpc=STREAM_RESPONSE, message=request, events=events, field_name=field_name)


def list_chat_completions(incoming: Incoming) -> Unary:
    """Asks for a page of those that are kept."""
    query = incoming.query
    paging = read_paging(query, OLDEST_FIRST)
    request = ListResponsesRequest(
        collection=CHATS,
        model=MODEL.of(query),
        metadata=METADATA.of(query),
        ascending=paging.ascending,
        page_size=paging.limit,
        page_token=response_id(paging.after) if paging.after else "",
    )

    def answer(found: ListResponsesResponse) -> Reply:
        completions = [_object(response, Shape()) for response in found.responses]
        return json_reply(page(completions, bool(found.next_page_token)))

    return Unary(LIST_RESPONSES, request, answer, partial(renamed, names=_LIST_NAMES))


def retrieve_chat_completion(incoming: Incoming) -> Unary:
    """Asks for one that is kept."""
    return kept_chat(incoming.path["completion_id"]).found(partial(_completion, Shape()))


def update_chat_completion(incoming: Incoming) -> Unary:
    """Asks for the metadata of one to be replaced; null removes it."""
    if all(name != "metadata" for name, _ in incoming.body.items()):
        raise missing(incoming.body.path_of("metadata"))
    metadata = read_metadata(incoming.body)
    wanted = kept_chat(incoming.path["completion_id"])
    request = UpdateResponseRequest(response_id=wanted.response_id, metadata=metadata)
    answer = partial(_completion, Shape())
    return wanted.found(lambda _: Unary(UPDATE_RESPONSE, request, answer, words=wanted.words))


def delete_chat_completion(incoming: Incoming) -> Unary:
    """Asks for one to be forgotten."""
    wanted = kept_chat(incoming.path["completion_id"])
    request = DeleteResponseRequest(response_id=wanted.response_id)

    def answer(_: Empty) -> Reply:
        return json_reply({"id": wanted.name, "object": "chat.completion.deleted", "deleted": True})

    return wanted.found(lambda _: Unary(DELETE_RESPONSE, request, answer, words=wanted.words))


def list_chat_messages(incoming: Incoming) -> Unary:
    """Asks for the messages that one answers."""
    paging = read_paging(incoming.query, OLDEST_FIRST)
    wanted = kept_chat(incoming.path["completion_id"])
    request = ListResponseInputRequest(response_id=wanted.response_id)

    def list_them(response: Response) -> Unary:
        shape = Shape(callees=callees(response.request.tools))

        def answer(found: ListResponseInputResponse) -> Reply:
            return json_reply(paging.of(_messages(wanted.response_id, found.messages, shape)))

        return Unary(LIST_RESPONSE_INPUT, request, answer, words=wanted.words)

    return wanted.found(list_them)


def _completion(shape: Shape, response: Response) -> Reply:
    return json_reply(_object(response, shape))


def _object(response: Response, shape: Shape) -> dict[str, Any]:
    """A whole completion. Of the shape that was asked for, that of older calls is not kept."""
    answer = ChatResponse(
        id=bare_id(response.response_id),
        model=response.model,
        message=response.output,
        finish_reason=response.finish_reason,
        usage=response.usage,
        logprobs=response.logprobs,
    )
    if response.HasField("timings"):
        answer.timings.CopyFrom(response.timings)
    request = response.request
    known = replace(
        shape,
        logprobs=request.options.HasField("top_logprobs"),
        callees=callees(request.tools),
    )
    made = completion_object(response.create_time.seconds, known, answer)
    return {**made, "metadata": dict(response.metadata)}


def _chat_event(event: ResponseEvent) -> GenerationEvent:
    """The event of a chat for that of a response; an empty one for others."""
    match event.WhichOneof("event"):
        case "created":
            made = event.created
            return GenerationEvent(start=Start(id=bare_id(made.response_id), model=made.model))
        case "delta":
            return GenerationEvent(delta=event.delta)
        case "completed":
            whole = event.completed
            finish = Finish(reason=whole.finish_reason, usage=whole.usage)
            if whole.HasField("timings"):
                finish.timings.CopyFrom(whole.timings)
            return GenerationEvent(finish=finish)
        case _:
            return GenerationEvent()


def _messages(response_id: str, messages: Sequence[Message], shape: Shape) -> list[dict[str, Any]]:
    """The messages of a request, each with an id that is the same however often it is asked for."""
    identity = ID_PREFIX + bare_id(response_id)
    return [
        {
            "id": f"{identity}-{number}",
            **_message(message, shape),
            "content_parts": [_part(part) for part in message.parts] or None,
        }
        for number, message in enumerate(messages)
    ]


def _message(message: Message, shape: Shape) -> dict[str, Any]:
    if message.role == Message.ASSISTANT:
        made = message_object(message, shape)
    else:
        content = None if message.parts else message.content
        made = {"role": _ROLES[message.role], "content": content}
    if message.role == Message.TOOL:
        made["tool_call_id"] = message.tool_call_id
    return {**made, "name": message.name or None}


def _part(part: MessagePart) -> dict[str, Any]:
    match part.WhichOneof("part"):
        case "image":
            return {"type": "image_url", "image_url": {"url": address(part.image)}}
        case "audio":
            data = base64.b64encode(part.audio.data).decode()
            return {
                "type": "input_audio",
                "input_audio": {"data": data, "format": sound_kind(part.audio)},
            }
        case _:
            return {"type": "text", "text": part.text}

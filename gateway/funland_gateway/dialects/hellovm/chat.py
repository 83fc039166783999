"""`chat/sessions`: conversations that the server keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import SendMessageResponse, Session, SessionEvent, SessionMessage
from funland_gateway.dialects.dialect import Incoming, Named, Reply, Streaming, Unary, WebSocket
from funland_gateway.dialects.hellovm.answers import done
from funland_gateway.dialects.hellovm.chat_frames import (
    failure_frame,
    frames,
    message_data,
    session_data,
)
from funland_gateway.dialects.hellovm.chat_requests import (
    create_name,
    create_request,
    said_name,
    send_request,
)
from funland_gateway.dialects.hellovm.chat_talk import ChatTalk
from funland_gateway.dialects.query import Parameter, whole_number
from funland_gateway.dialects.rpcs import CONVERSE, CREATE_SESSION, SEND_MESSAGE, STREAM_MESSAGE

AFTER: Final[Parameter[int | None]] = whole_number(
    "after", "Tell first what happened after the event of this number.", 0, 2**53, None
)
STREAM_QUERY: Final[tuple[Parameter[Any], ...]] = (AFTER,)


def create_session(incoming: Incoming) -> Unary:
    """Asks for a session."""
    request = create_request(incoming.body)

    def answer(session: Session) -> Reply:
        path = f"/api/v1/chat/sessions/{session.session_id}/stream"
        data = {
            **session_data(session),
            "model_id": request.model,
            "ws_url": f"{re.sub('^http', 'ws', incoming.origin)}{path}",
        }
        return done(incoming, data, "Chat session created successfully")

    return Unary(CREATE_SESSION, request, answer, create_name)


def send_message(incoming: Incoming) -> Unary | Streaming:
    """Says something and asks for the answer, or for all that becomes of it."""
    request = send_request(incoming.body, incoming.path["session_id"])
    if incoming.body.boolean("stream"):
        return Streaming(
            STREAM_MESSAGE, request, _events, said_name, is_last=_is_whole, failure=_failed
        )

    def answer(response: SendMessageResponse) -> Reply:
        return done(incoming, message_data(response.answer))

    return Unary(SEND_MESSAGE, request, answer, said_name)


def stream(incoming: Incoming) -> WebSocket:
    """Watches a session and speaks in it."""
    talk = ChatTalk(incoming.path["session_id"], incoming.request_id)
    after = AFTER.of(incoming.query)
    return WebSocket(CONVERSE, None if after is None else talk.open(after), talk)


def _events(event: SessionEvent) -> Iterator[bytes]:
    return map(orjson.dumps, frames(event))


def _is_whole(event: SessionEvent) -> bool:
    """Whether the answer has come to its end. Of one that failed, the failure is the end."""
    unfinished = (SessionMessage.IN_PROGRESS, SessionMessage.FAILED)
    told = event.message
    return told.message.role == Message.ASSISTANT and told.state not in unfinished


def _failed(error: Error) -> Named:
    return Named("error", orjson.dumps(failure_frame(error)))

"""The lines of OpenAI's batches, read and answered as their routes are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland.v1.inference_pb2 import (
    BatchGenerateRequest,
    BatchGenerateResponse,
    BatchResult,
    ChatRequest,
    ChatResponse,
    Embedding,
    EmbedRequest,
    EmbedResponse,
    GenerateRequest,
    GenerateResponse,
)
from funland.v1.inference_pb2 import Message as ChatMessage
from funland.v1.responses_pb2 import CreateResponseRequest, Response
from funland_gateway.dialects.dialect import Incoming, Unary
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.openai.embeddings import create_embedding
from funland_gateway.dialects.openai.lines import ENDPOINTS, OpenAILines
from funland_gateway.dialects.openai.responses import create_response
from tests.gateway.dialects.asked import asked, told

CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
EMBEDDING, RESPONSE = "/v1/embeddings", "/v1/responses"
MESSAGES = [{"role": "user", "content": "Hello!"}]


class Refused(Exception):
    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.error = json.loads(body)["error"]


LINES = OpenAILines(Refused)


def refused(endpoint: str, body: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        LINES.read(endpoint, body)
    return caught.value


@pytest.mark.parametrize(
    ("endpoint", "body", "kind"),
    [
        (CHAT, {"messages": MESSAGES}, ChatRequest),
        (CHAT, {"messages": MESSAGES, "store": True}, CreateResponseRequest),
        (COMPLETION, {"prompt": "a"}, GenerateRequest),
        (COMPLETION, {"prompt": ["a", "b"]}, BatchGenerateRequest),
        (EMBEDDING, {"input": "a"}, EmbedRequest),
        (RESPONSE, {"input": "a"}, CreateResponseRequest),
    ],
)
def test_a_line_asks_what_its_route_would(
    endpoint: str, body: dict[str, Any], kind: type[Message]
) -> None:
    assert isinstance(LINES.read(endpoint, body).request, kind)


@pytest.mark.parametrize(
    ("endpoint", "route", "body", "response"),
    [
        (
            CHAT,
            create_chat_completion,
            {"messages": MESSAGES},
            ChatResponse(id="gen-1", model="m", message=ChatMessage(content="Hi!")),
        ),
        (COMPLETION, create_completion, {"prompt": "a"}, GenerateResponse(id="gen-1", text="b")),
        (
            EMBEDDING,
            create_embedding,
            {"input": "a"},
            EmbedResponse(model="m", embeddings=[Embedding(values=[0.5])]),
        ),
        (
            RESPONSE,
            create_response,
            {"input": "a", "temperature": 0.5},
            Response(response_id="resp_1", state=Response.COMPLETED),
        ),
    ],
)
def test_a_lines_answer_is_what_its_route_answers(
    endpoint: str,
    route: Callable[[Incoming], Any],
    body: dict[str, Any],
    response: Message,
) -> None:
    live = route(asked(body))
    assert isinstance(live, Unary)

    answer = json.loads(LINES.read(endpoint, body).answer(response))

    assert without_time(answer) == without_time(told(live, response))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_line_can_not_be_streamed(endpoint: str) -> None:
    body = {"messages": MESSAGES, "input": "a", "prompt": "a", "stream": True}

    failed = refused(endpoint, body)

    assert failed.status == 400
    assert failed.error["code"] == "unsupported_parameter"
    assert failed.error["param"] == "stream"


@pytest.mark.parametrize(
    ("endpoint", "body", "param"),
    [
        (CHAT, {}, "messages"),
        (CHAT, {"messages": MESSAGES, "temperature": "hot"}, "temperature"),
        (EMBEDDING, {}, "input"),
        (RESPONSE, {"input": "a", "background": True}, "background"),
    ],
)
def test_what_is_wrong_with_a_body_is_told_as_its_route_tells_it(
    endpoint: str, body: dict[str, Any], param: str
) -> None:
    failed = refused(endpoint, body)

    assert (failed.status, failed.error["type"]) == (400, "invalid_request_error")
    assert failed.error["param"] == param


def test_a_call_that_failed_is_told_with_the_lines_own_names() -> None:
    line = LINES.read(CHAT, {"messages": MESSAGES, "max_tokens": 5})
    error = Error(
        code="INVALID_ARGUMENT",
        reason=ErrorReason.FIELD_INVALID,
        field_violations=[FieldViolation(field="sampling.max_tokens", description="is too much")],
    )

    status, body = line.failure(error)

    assert status == 400
    assert json.loads(body)["error"]["param"] == "max_tokens"


def test_an_error_among_several_texts_is_the_lines() -> None:
    line = LINES.read(COMPLETION, {"prompt": ["a", "b"]})
    error = Error(code="NOT_FOUND", reason=ErrorReason.MODEL_NOT_FOUND, message="No model.")
    response = BatchGenerateResponse(
        results=[BatchResult(response=GenerateResponse(text="c")), BatchResult(error=error)]
    )

    with pytest.raises(Refused) as caught:
        line.answer(response)

    assert (caught.value.status, caught.value.error["code"]) == (404, "model_not_found")


def without_time(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "created"}

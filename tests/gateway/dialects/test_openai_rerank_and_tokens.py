"""Reranking, tokens and templates, as servers have them that OpenAI's clients also call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from google.protobuf.message import Message as Wire

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    ApplyTemplateRequest,
    ApplyTemplateResponse,
    ChatRequest,
    DetokenizeRequest,
    DetokenizeResponse,
    Message,
    RankedDocument,
    RerankRequest,
    RerankResponse,
    TokenizeRequest,
    TokenizeResponse,
    Tool,
    Usage,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.openai.rerank import rerank
from funland_gateway.dialects.openai.tokens import apply_template, detokenize, tokenize
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

HELLO = [{"role": "user", "content": "Hello"}]
RANKED = RerankResponse(
    model="tiny",
    results=[RankedDocument(index=1, score=0.5), RankedDocument(index=0, score=-0.25)],
    usage=Usage(prompt_tokens=9, total_tokens=9),
)


def incoming(**body: Any) -> Incoming:
    return Incoming(JsonObject(body), {}, 0)


def answer(call: Unary, response: Wire) -> Any:
    reply = call.answer(response)
    assert isinstance(reply, Reply)
    return orjson.loads(reply.content)


def test_documents_are_texts_or_objects_with_a_text() -> None:
    call = rerank(incoming(model="tiny", query="q", documents=["a", {"text": "b"}], top_n=1))

    assert call.message == RerankRequest(model="tiny", query="q", documents=["a", "b"], top_n=1)


def test_documents_are_ranked_by_their_place_in_the_request() -> None:
    body = answer(rerank(incoming(query="q", documents=["a", "b"])), RANKED)

    assert body["results"] == [
        {"index": 1, "relevance_score": 0.5},
        {"index": 0, "relevance_score": -0.25},
    ]
    assert body["usage"] == {"prompt_tokens": 9, "total_tokens": 9}


def test_documents_come_back_when_asked_for() -> None:
    call = rerank(incoming(query="q", documents=["a", {"text": "b"}], return_documents=True))

    results = answer(call, RANKED)["results"]

    assert [result["document"] for result in results] == [{"text": "b"}, {"text": "a"}]


@pytest.mark.parametrize(
    ("body", "request_"),
    [
        ({"content": "Hi"}, TokenizeRequest(text="Hi", add_special=False, parse_special=True)),
        (
            {"content": "Hi", "add_special": True, "parse_special": False},
            TokenizeRequest(text="Hi", add_special=True, parse_special=False),
        ),
        (
            {"model": "tiny", "prompt": "Hi"},
            TokenizeRequest(model="tiny", text="Hi", add_special=True, parse_special=False),
        ),
        (
            {"prompt": "Hi", "add_special_tokens": False},
            TokenizeRequest(text="Hi", add_special=False, parse_special=False),
        ),
    ],
)
def test_a_text_is_tokenized_by_the_rules_of_the_server_that_is_meant(
    body: dict[str, Any], request_: TokenizeRequest
) -> None:
    call = tokenize(incoming(**body))

    assert call.message == request_
    assert answer(call, TokenizeResponse(tokens=[3, 4])) == {"tokens": [3, 4], "count": 2}


def test_a_chat_is_tokenized_as_its_prompt() -> None:
    call = tokenize(incoming(messages=HELLO))

    assert call.message == ApplyTemplateRequest(
        chat=ChatRequest(messages=[Message(role=Message.USER, content="Hello")])
    )
    assert answer(call, ApplyTemplateResponse(prompt="x", tokens=[3])) == {
        "tokens": [3],
        "count": 1,
    }


def test_tokens_become_text_under_both_names() -> None:
    call = detokenize(incoming(model="tiny", tokens=[3, 4]))

    assert call.message == DetokenizeRequest(model="tiny", tokens=[3, 4])
    assert answer(call, DetokenizeResponse(text="Hi")) == {"content": "Hi", "prompt": "Hi"}


def test_a_template_is_told_all_that_a_chat_tells_it() -> None:
    call = apply_template(
        incoming(
            messages=HELLO,
            tools=[{"type": "function", "function": {"name": "add"}}],
            enable_thinking=False,
            chat_template_kwargs={"tone": "kind"},
        )
    )

    assert call.message == ApplyTemplateRequest(
        chat=ChatRequest(
            messages=[Message(role=Message.USER, content="Hello")],
            tools=[Tool(name="add")],
            reasoning=False,
            template_arguments='{"tone":"kind"}',
        )
    )
    assert answer(call, ApplyTemplateResponse(prompt="<x>")) == {"prompt": "<x>"}
    assert call.field_name("chat.tools[0].name") == "tools[0].function.name"
    assert call.field_name("chat.messages[0].content") == "messages[0].content"


@pytest.mark.parametrize("name", ["with_pieces", "return_token_strs"])
def test_pieces_of_tokens_are_refused(name: str) -> None:
    with pytest.raises(CallFailed) as raised:
        tokenize(incoming(content="Hi", **{name: True}))

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == name


WRONG: list[tuple[Callable[[Incoming], Unary], dict[str, Any], str]] = [
    (rerank, {"documents": ["a"]}, "query"),
    (rerank, {"query": "q"}, "documents"),
    (rerank, {"query": "q", "documents": "a"}, "documents"),
    (rerank, {"query": "q", "documents": [1]}, "documents[0]"),
    (rerank, {"query": "q", "documents": [{}]}, "documents[0].text"),
    (tokenize, {}, "content"),
    (tokenize, {"prompt": 1}, "prompt"),
    (tokenize, {"messages": 1}, "messages"),
    (detokenize, {}, "tokens"),
    (detokenize, {"tokens": "a"}, "tokens"),
    (detokenize, {"tokens": [1, True]}, "tokens[1]"),
    (detokenize, {"tokens": [2**31]}, "tokens[0]"),
    (apply_template, {}, "messages"),
]


@pytest.mark.parametrize(("read", "body", "field"), WRONG)
def test_a_wrong_field_is_named(
    read: Callable[[Incoming], Unary], body: dict[str, Any], field: str
) -> None:
    with pytest.raises(CallFailed) as raised:
        read(incoming(**body))

    assert [each.field for each in raised.value.error.field_violations] == [field]

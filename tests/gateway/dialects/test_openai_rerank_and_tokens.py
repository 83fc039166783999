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
    GetTokenizerRequest,
    Message,
    RankedDocument,
    RerankRequest,
    RerankResponse,
    Tokenizer,
    TokenizeRequest,
    TokenizeResponse,
    Tool,
    Usage,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.openai.rerank import rerank, rerank_as_cohere
from funland_gateway.dialects.openai.tokens import (
    apply_template,
    detokenize,
    tokenize,
    tokenizer_info,
)
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

HELLO = [{"role": "user", "content": "Hello"}]
RANKED = RerankResponse(
    model="tiny",
    results=[
        RankedDocument(index=1, score=0.9, raw_score=2.2),
        RankedDocument(index=0, score=0.25, raw_score=-1.1),
    ],
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
        {"index": 1, "relevance_score": 0.9},
        {"index": 0, "relevance_score": 0.25},
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
            TokenizeRequest(model="tiny", text="Hi", add_special=True, parse_special=True),
        ),
        (
            {"prompt": "Hi", "add_special_tokens": False, "parse_special": False},
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


def test_scores_are_the_models_own_for_who_wants_them() -> None:
    call = rerank(incoming(query="q", documents=["a", "b"], raw_scores=True))

    assert [each["relevance_score"] for each in answer(call, RANKED)["results"]] == [2.2, -1.1]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [{"index": 1, "score": 0.9}, {"index": 0, "score": 0.25}]),
        (
            {"return_text": True, "truncate": True},
            [{"index": 1, "score": 0.9, "text": "b"}, {"index": 0, "score": 0.25, "text": "a"}],
        ),
        ({"raw_scores": True}, [{"index": 1, "score": 2.2}, {"index": 0, "score": -1.1}]),
    ],
)
def test_texts_are_ranked_as_text_embeddings_inference_has_it(more: Any, expected: Any) -> None:
    call = rerank(incoming(query="q", texts=["a", "b"], **more))

    assert call.message == RerankRequest(query="q", documents=["a", "b"])
    assert answer(call, RANKED) == expected
    assert call.field_name("documents[1]") == "texts[1]"


def test_coheres_second_version_has_an_answer_of_its_own() -> None:
    call = rerank_as_cohere(incoming(model="tiny", query="q", documents=["a", "b"], top_n=2))

    assert call.message == RerankRequest(model="tiny", query="q", documents=["a", "b"], top_n=2)
    assert answer(call, RANKED) == {
        "results": [
            {"index": 1, "relevance_score": 0.9},
            {"index": 0, "relevance_score": 0.25},
        ],
        "meta": {"api_version": {"version": "2"}, "tokens": {"input_tokens": 9}},
    }


@pytest.mark.parametrize(
    ("body", "blamed"),
    [
        ({"documents": ["a"]}, "documents"),
        ({"documents": ["a"], "truncate_prompt_tokens": -1}, "truncate_prompt_tokens"),
        ({"texts": ["a"]}, "texts"),
        ({"texts": ["a"], "truncate": False}, "texts"),
        ({"texts": ["a"], "truncate": True}, "truncate"),
    ],
)
def test_a_text_that_is_too_long_is_blamed_on_what_allowed_to_cut_it(
    body: dict[str, Any], blamed: str
) -> None:
    assert rerank(incoming(query="q", **body)).blames[ErrorReason.PROMPT_TOO_LONG] == blamed


PIECES = [b"Hi", " 你".encode()[:2], " 你".encode()[2:]]


@pytest.mark.parametrize("name", ["content", "prompt"])
def test_tokens_are_told_with_their_pieces_as_llama_server_has_them(name: str) -> None:
    call = tokenize(incoming(**{name: "Hi 你", "with_pieces": True}))

    assert isinstance(call.message, TokenizeRequest)
    assert call.message.with_pieces
    assert answer(call, TokenizeResponse(tokens=[3, 4, 5], pieces=PIECES)) == {
        "tokens": [
            {"id": 3, "piece": "Hi"},
            {"id": 4, "piece": [0x20, 0xE4]},
            {"id": 5, "piece": [0xBD, 0xA0]},
        ],
        "count": 3,
    }


def test_tokens_are_told_with_their_texts_as_vllm_has_them() -> None:
    call = tokenize(incoming(prompt="Hi 你", return_token_strs=True))

    assert answer(call, TokenizeResponse(tokens=[3, 4, 5], pieces=PIECES)) == {
        "tokens": [3, 4, 5],
        "count": 3,
        "token_strs": ["Hi", r" \xe4", r"\xbd\xa0"],
    }


@pytest.mark.parametrize("name", ["with_pieces", "return_token_strs"])
def test_pieces_of_a_chat_are_refused_by_name(name: str) -> None:
    assert tokenize(incoming(messages=HELLO, **{name: False}))
    with pytest.raises(CallFailed) as raised:
        tokenize(incoming(messages=HELLO, **{name: True}))

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == name


def test_a_tokenizer_tells_its_marks_under_the_names_of_their_files() -> None:
    call = tokenizer_info(Incoming(JsonObject({}), {}, 0, {"model": "tiny"}))
    known = Tokenizer(
        model="tiny",
        vocabulary_size=9,
        begin_mark="<s>",
        adds_begin_mark=True,
        end_mark="</s>",
        end_tokens=[2, 7],
        chat_template="{{ x }}",
    )

    assert call.message == GetTokenizerRequest(model="tiny")
    assert answer(call, known) == {
        "model": "tiny",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": None,
        "add_bos_token": True,
        "eos_token_ids": [2, 7],
        "vocab_size": 9,
        "chat_template": "{{ x }}",
    }
    told = answer(call, Tokenizer(model="tiny"))
    assert [told[name] for name in ("bos_token", "eos_token", "chat_template")] == [None] * 3


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
    (detokenize, {"tokens": [-1]}, "tokens[0]"),
    (rerank, {"query": "q", "texts": "a"}, "texts"),
    (rerank, {"query": "q", "texts": [1]}, "texts[0]"),
    (rerank, {"query": "q", "texts": ["a"], "return_text": 1}, "return_text"),
    (rerank, {"query": "q", "texts": ["a"], "truncate": "yes"}, "truncate"),
    (rerank_as_cohere, {"query": "q", "texts": ["a"]}, "documents"),
    (tokenize, {"content": "a", "with_pieces": 1}, "with_pieces"),
    (apply_template, {}, "messages"),
]


@pytest.mark.parametrize(("read", "body", "field"), WRONG)
def test_a_wrong_field_is_named(
    read: Callable[[Incoming], Unary], body: dict[str, Any], field: str
) -> None:
    with pytest.raises(CallFailed) as raised:
        read(incoming(**body))

    assert [each.field for each in raised.value.error.field_violations] == [field]

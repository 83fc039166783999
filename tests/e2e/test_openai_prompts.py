"""Prompts, inputs and documents in all their forms over OpenAI's API, and their tokens."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

if TYPE_CHECKING:
    from tests.conftest import Stack

TEXT = "Once upon a time, 你好 é"
GREEDY = {"temperature": 0, "max_tokens": 4}
RANKINGS = ["/v1/rerank", "/rerank", "/v1/reranking", "/reranking", "/v2/rerank"]


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(stack.http_url) as session:
        yield session


async def asked(http: aiohttp.ClientSession, path: str, **body: Any) -> tuple[int, Any]:
    async with http.post(path, json=body) as response:
        return response.status, await response.json()


async def post(http: aiohttp.ClientSession, path: str, **body: Any) -> Any:
    status, answer = await asked(http, path, **body)
    assert status == 200, answer
    return answer


async def tokens_of(http: aiohttp.ClientSession, text: str) -> list[int]:
    return (await post(http, "/tokenize", prompt=text))["tokens"]


async def streamed_choices(http: aiohttp.ClientSession, body: dict[str, Any]) -> dict[int, Any]:
    """The choices of a streamed completion, each put together."""
    choices: dict[int, Any] = {}
    async with http.post("/v1/completions", json={**body, "stream": True}) as response:
        async for line in response.content:
            data = line.decode().removeprefix("data: ").strip()
            chunk: Any = json.loads(data) if data.startswith("{") else {"choices": []}
            for choice in chunk["choices"]:
                whole = choices.setdefault(choice["index"], {"text": "", "logprobs": {}})
                whole["text"] += choice["text"]
                told: dict[str, list[Any]] = choice["logprobs"] or {}
                for name, values in told.items():
                    whole["logprobs"][name] = whole["logprobs"].get(name, []) + values
    return choices


async def test_tokens_are_completed_as_their_text_is(http: aiohttp.ClientSession) -> None:
    tokens = await tokens_of(http, TEXT)
    prompts: list[Any] = [TEXT, tokens, [TEXT, tokens], [tokens, tokens]]

    answers = [await post(http, "/v1/completions", prompt=each, **GREEDY) for each in prompts]

    texts = [[choice["text"] for choice in answer["choices"]] for answer in answers]
    assert texts == [texts[0], texts[0], texts[0] * 2, texts[0] * 2]


async def test_tokens_have_the_vectors_of_their_text(http: aiohttp.ClientSession) -> None:
    tokens = await tokens_of(http, TEXT)
    by_text = await post(http, "/v1/embeddings", input=[TEXT, "a fox"])

    mixed = await post(http, "/v1/embeddings", input=[tokens, "a fox", tokens])

    first, second = (each["embedding"] for each in by_text["data"])
    assert [each["index"] for each in mixed["data"]] == [0, 1, 2]
    for each, wanted in zip(mixed["data"], [first, second, first], strict=True):
        assert each["embedding"] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    ("path", "field"), [("/v1/completions", "prompt"), ("/v1/embeddings", "input")]
)
async def test_a_token_that_there_is_not_is_named_with_its_place(
    http: aiohttp.ClientSession, path: str, field: str
) -> None:
    status, answer = await asked(http, path, **{field: ["a", [5, 4096]]})

    assert status == 400
    assert answer["error"]["param"] == f"{field}[1][1]"


@pytest.mark.parametrize("as_tokens", [False, True])
async def test_an_echo_tells_how_likely_the_prompt_was(
    http: aiohttp.ClientSession, as_tokens: bool
) -> None:
    tokens = await tokens_of(http, TEXT)
    prompts = [tokens if as_tokens else TEXT, "a fox"]
    body = {"prompt": prompts, "echo": True, "logprobs": 1, "n": 2, **GREEDY}

    answer = await post(http, "/v1/completions", **body)
    streamed = await streamed_choices(http, body)

    for choice in answer["choices"]:
        told = choice["logprobs"]
        assert streamed[choice["index"]] == {"text": choice["text"], "logprobs": told}
        assert told["token_logprobs"][0] is None
        assert told["top_logprobs"][0] is None
        assert all(math.isfinite(each) and each <= 0 for each in told["token_logprobs"][1:])
        ends = [*told["text_offset"][1:], len(choice["text"])]
        for piece, begin, end in zip(told["tokens"], told["text_offset"], ends, strict=True):
            # A part of a character is told as its bytes, and an end mark is no part of the text.
            if "\\x" not in piece and piece != "<|im_end|>":
                assert choice["text"][begin:end] == piece
    first, _, other, _ = answer["choices"]
    assert first["text"].startswith(TEXT)
    assert other["text"].startswith("a fox")
    made = len(first["logprobs"]["tokens"]) - len(tokens)
    assert 1 <= made <= GREEDY["max_tokens"]


async def test_a_prompt_is_as_likely_as_it_was_when_it_was_written(
    http: aiohttp.ClientSession,
) -> None:
    begin = "Once upon"
    made = await post(http, "/v1/completions", prompt=begin, logprobs=0, **GREEDY)
    wanted = made["choices"][0]["logprobs"]["token_logprobs"]
    text = begin + made["choices"][0]["text"]
    read = {"prompt": text, "echo": True, "logprobs": 0, "max_tokens": 0}

    told = (await post(http, "/v1/completions", **read))["choices"][0]

    assert told["text"] == text
    assert told["finish_reason"] == "length"
    assert told["logprobs"]["token_logprobs"][-len(wanted) :] == pytest.approx(wanted, abs=1e-3)


async def test_the_pieces_of_tokens_make_the_text(http: aiohttp.ClientSession) -> None:
    answer = await post(http, "/tokenize", content=TEXT, with_pieces=True)

    pieces = [
        each["piece"].encode() if isinstance(each["piece"], str) else bytes(each["piece"])
        for each in answer["tokens"]
    ]
    assert b"".join(pieces).decode() == TEXT
    assert [each["id"] for each in answer["tokens"]] == await tokens_of(http, TEXT)


async def test_a_tokenizer_has_the_marks_that_its_prompts_hold(
    http: aiohttp.ClientSession,
) -> None:
    async with http.get("/tokenizer_info") as response:
        told = await response.json()

    assert len(await tokens_of(http, told["bos_token"])) == 1
    (end,) = await tokens_of(http, told["eos_token"])
    assert end in told["eos_token_ids"]
    assert told["vocab_size"] == 4096
    assert "add_generation_prompt" in told["chat_template"]


@pytest.mark.parametrize("path", RANKINGS)
async def test_documents_are_ranked_wherever_clients_look_for_it(
    http: aiohttp.ClientSession, path: str
) -> None:
    documents = ["seven", "a fox in the forest"]

    answer = await post(http, path, query="a fox", documents=documents, return_documents=True)

    assert [each["index"] for each in answer["results"]] == [1, 0]
    assert all(0 <= each["relevance_score"] <= 1 for each in answer["results"])
    assert answer["results"][0]["document"] == {"text": documents[1]}


async def test_texts_are_ranked_as_a_list(http: aiohttp.ClientSession) -> None:
    texts = ["seven", "a fox in the forest"]

    answer = await post(http, "/rerank", query="a fox", texts=texts, return_text=True)

    assert [each["index"] for each in answer] == [1, 0]
    assert [each["text"] for each in answer] == texts[::-1]
    assert all(0 <= each["score"] <= 1 for each in answer)

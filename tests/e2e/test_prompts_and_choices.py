"""What callers ask of prompts and of the choice of tokens, the same over gRPC and native REST."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc.aio
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message as AnyMessage
from google.protobuf.message_factory import GetMessageClass

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import (
    ChatRequest,
    EmbedRequest,
    Finish,
    GenerateRequest,
    GenerationEvent,
    GenerationOptions,
    GetTokenizerRequest,
    Message,
    RerankRequest,
    SamplingParameters,
    TokenizeRequest,
    TokenList,
)
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland_gateway.transcoding.routes import compile_routes
from tests.faults.service import as_fault

if TYPE_CHECKING:
    from tests.conftest import Stack

ROUTES = {route.rpc.name: route for route in compile_routes([inference_pb2.DESCRIPTOR])}
STORY = "<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\n"
ASK = [Message(role=Message.USER, content="Tell me a story.")]


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call was refused."""

    reason: str
    fields: Sequence[str]


class OverGrpc:
    """Calls as any gRPC client makes them."""

    def __init__(self, stack: Stack) -> None:
        self._channel = grpc.aio.insecure_channel(stack.grpc_address)
        self._stub: Any = InferenceServiceStub(self._channel)

    async def call(self, rpc: str, request: AnyMessage) -> Any:
        try:
            return await getattr(self._stub, rpc)(request, timeout=60)
        except grpc.aio.AioRpcError as error:
            fault = as_fault(error)
            return Refusal(fault.reason, fault.fields)

    async def stream(self, rpc: str, request: AnyMessage) -> list[GenerationEvent]:
        return [event async for event in getattr(self._stub, rpc)(request, timeout=60)]

    async def close(self) -> None:
        await self._channel.close()


class OverRest:
    """The same calls as JSON."""

    def __init__(self, stack: Stack) -> None:
        self._http = aiohttp.ClientSession(stack.http_url)

    async def call(self, rpc: str, request: AnyMessage) -> Any:
        route = ROUTES[rpc]
        given = json_format.MessageToDict(request, preserving_proto_field_name=True)
        path = route.path.format(**given)
        body = None if route.http_method == "GET" else given
        async with self._http.request(route.http_method, path, json=body) as answer:
            told = await answer.json()
        if answer.status != 200:
            error = told["error"]
            return Refusal(error["reason"], [each["field"] for each in error["field_violations"]])
        return json_format.ParseDict(told, GetMessageClass(route.rpc.output_type)())

    async def stream(self, rpc: str, request: AnyMessage) -> list[GenerationEvent]:
        given = json_format.MessageToDict(request, preserving_proto_field_name=True)
        headers = {"accept": "application/x-ndjson"}
        async with self._http.post(ROUTES[rpc].path, json=given, headers=headers) as answer:
            *events, end = [json.loads(line) async for line in answer.content]
        assert end == {"end": {}}
        return [json_format.ParseDict(event, GenerationEvent()) for event in events]

    async def close(self) -> None:
        await self._http.close()


@pytest.fixture(params=[OverGrpc, OverRest], ids=["gRPC", "REST"])
async def wire(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[OverGrpc | OverRest]:
    wire = request.param(stack)
    yield wire
    await wire.close()


def generate(prompt: str | Sequence[int] = STORY, **sampling: Any) -> GenerateRequest:
    """A greedy continuation of at most 24 tokens."""
    given: dict[str, Any] = {"temperature": 0, "max_tokens": 24, **sampling}
    parameters = SamplingParameters(**given)
    if isinstance(prompt, str):
        return GenerateRequest(prompt=prompt, sampling=parameters)
    return GenerateRequest(prompt_tokens=prompt, sampling=parameters)


async def tokens_of(wire: OverGrpc | OverRest, text: str, **how: Any) -> list[int]:
    answer = await wire.call("Tokenize", TokenizeRequest(text=text, add_special=False, **how))
    return list(answer.tokens)


async def test_tokens_are_a_prompt_as_their_text_is(wire: OverGrpc | OverRest) -> None:
    tokens = await tokens_of(wire, STORY, parse_special=True)

    text = await wire.call("Generate", generate(STORY))
    same = await wire.call("Generate", generate(tokens))

    assert same.text == text.text
    assert same.usage.prompt_tokens == text.usage.prompt_tokens == len(tokens)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (generate([1, 2, 4096]), "prompt_tokens[2]"),
        (generate(stop_tokens=[1, 5000]), "sampling.stop_tokens[1]"),
        (generate(allowed_tokens=[2**31 - 1]), "sampling.allowed_tokens[0]"),
        (generate(logit_bias={9000: 1.0}), "sampling.logit_bias"),
    ],
)
async def test_tokens_that_there_are_not_are_named(
    wire: OverGrpc | OverRest, request_: GenerateRequest, field: str
) -> None:
    assert await wire.call("Generate", request_) == Refusal("TOKEN_UNKNOWN", [field])


async def test_texts_to_embed_may_be_tokens(wire: OverGrpc | OverRest) -> None:
    tokens = await tokens_of(wire, "Hello there")
    request = EmbedRequest(inputs=["Hello there"], token_inputs=[TokenList(tokens=tokens)])

    answer = await wire.call("Embed", request)
    request.token_inputs.add(tokens=[4096])
    refused = await wire.call("Embed", request)

    text, same = [list(embedding.values) for embedding in answer.embeddings]
    assert text == pytest.approx(same, abs=1e-5)
    assert refused == Refusal("TOKEN_UNKNOWN", ["token_inputs[1].tokens[0]"])


async def test_a_prompt_can_be_scored_without_a_text(wire: OverGrpc | OverRest) -> None:
    request = generate("The capital of France is Paris.", max_tokens=0)
    request.options.CopyFrom(GenerationOptions(prompt_logprobs=1))

    answer = await wire.call("Generate", request)
    again = await wire.call("Generate", request)

    told = answer.prompt_logprobs
    assert (answer.text, answer.finish_reason) == ("", Finish.LENGTH)
    assert answer.usage.completion_tokens == 0
    assert answer.usage.prompt_tokens == len(told)
    assert b"".join(token.token for token in told).decode() == request.prompt
    assert not told[0].HasField("logprob")
    for token in told[1:]:
        (best,) = token.top
        assert token.logprob <= best.logprob <= 0
    assert [token.logprob for token in again.prompt_logprobs] == pytest.approx(
        [token.logprob for token in told], abs=1e-3
    )


async def test_a_stream_tells_the_prompt_before_the_texts(wire: OverGrpc | OverRest) -> None:
    options = GenerationOptions(n=2, prompt_logprobs=0, progress=True)
    request = ChatRequest(
        messages=ASK, sampling=SamplingParameters(temperature=0, max_tokens=5), options=options
    )

    events = await wire.stream("StreamChat", request)
    whole = await wire.call("Chat", request)

    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[0] == "start"
    assert kinds.count("prompt_logprobs") == 1
    assert kinds.index("prompt_logprobs") < kinds.index("delta")
    done = [event.prefill for event in events if event.HasField("prefill")]
    assert done[-1].done == done[-1].total == whole.usage.prompt_tokens
    (told,) = [event.prompt_logprobs for event in events if event.HasField("prompt_logprobs")]
    assert [token.token_id for token in told.tokens] == [
        token.token_id for token in whole.prompt_logprobs
    ]


async def test_only_the_last_of_a_prompt_is_read(wire: OverGrpc | OverRest) -> None:
    long = "Once upon a time there was a fox. " * 500
    refused = await wire.call("Generate", generate(long))

    for last, kept in ((7, 7), (-1, 1000)):
        request = generate(long)
        request.options.last_prompt_tokens = last
        answer = await wire.call("Generate", request)
        assert answer.usage.prompt_tokens == kept
        assert answer.text

    assert refused.reason == "PROMPT_TOO_LONG"


async def test_tokens_are_chosen_as_callers_want(wire: OverGrpc | OverRest) -> None:
    usual = await wire.call("Generate", generate())
    assert "time" in usual.text
    (time,) = await tokens_of(wire, " time")
    only = await tokens_of(wire, "a")

    async def text(**sampling: Any) -> Any:
        return await wire.call("Generate", generate(**sampling))

    stopped = await text(stop_tokens=[time])
    included = await text(stop=["time"], include_stop=True)
    banned = await text(banned_texts=["time"], max_tokens=60)
    bound = await text(allowed_tokens=only, min_tokens=5, max_tokens=5)
    likeliest = await text(temperature=2, top_p=0)
    nothing = await text(max_tokens=0)

    assert stopped.text == usual.text.partition(" time")[0]
    assert (stopped.finish_reason, stopped.stop) == (Finish.STOP, "")
    assert (included.finish_reason, included.stop) == (Finish.STOP, "time")
    assert included.text == usual.text.partition("time")[0] + "time"
    assert "time" not in banned.text
    assert bound.text == "aaaaa"
    assert likeliest.text == usual.text
    assert (nothing.text, nothing.finish_reason) == ("", Finish.LENGTH)


async def test_a_text_goes_on_to_its_least_tokens_but_not_against_its_format(
    wire: OverGrpc | OverRest,
) -> None:
    request = generate(min_tokens=20)
    request.format.regex = "[0-9]{3}"

    bound = await wire.call("Generate", request)
    free = await wire.call(
        "Generate", generate(STORY.replace("Tell me a story.", "Hello!"), min_tokens=20)
    )

    assert len(bound.text) == 3
    assert bound.finish_reason == Finish.STOP
    assert free.usage.completion_tokens >= 20


async def test_scores_of_documents_are_from_nothing_to_one(wire: OverGrpc | OverRest) -> None:
    request = RerankRequest(query="a fox", documents=["seven", "a fox", "1 2 3", "a fox"])

    answer = await wire.call("Rerank", request)

    assert [document.index for document in answer.results][:2] == [1, 3]
    for document in answer.results:
        assert -1 <= document.raw_score <= 1
        assert document.score == max(0, document.raw_score)


async def test_a_tokenizer_tells_its_marks_and_pieces(wire: OverGrpc | OverRest) -> None:
    tokenizer = await wire.call("GetTokenizer", GetTokenizerRequest(model="funland-tiny"))
    pieces = await wire.call("Tokenize", TokenizeRequest(text="time 好", with_pieces=True))
    marks = await tokens_of(wire, tokenizer.begin_mark + tokenizer.end_mark, parse_special=True)

    assert (tokenizer.model, tokenizer.vocabulary_size) == ("funland-tiny", 4096)
    assert list(tokenizer.end_tokens) == sorted(marks)
    assert not tokenizer.adds_begin_mark
    assert "add_generation_prompt" in tokenizer.chat_template
    assert b"".join(pieces.pieces).decode() == "time 好"
    assert await wire.call("GetTokenizer", GetTokenizerRequest(model="no")) == Refusal(
        "MODEL_NOT_FOUND", []
    )

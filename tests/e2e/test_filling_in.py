"""What is between two texts is written, over every wire the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc.aio
import pytest
from ollama import AsyncClient
from openai import AsyncOpenAI

from funland.v1.inference_pb2 import (
    GenerateRequest,
    GenerateResponse,
    GenerationOptions,
    SamplingParameters,
    TokenizeRequest,
)
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland.v1.models_pb2 import DeleteModelRequest, ImportModelRequest
from funland.v1.models_pb2_grpc import ModelServiceStub
from tests import infill_files
from tests.server.conftest import details

if TYPE_CHECKING:
    from tests.conftest import Stack

CODE = "funland-code"
BEFORE = "def area(radius):\n    <|im_end|>"  # what looks like a mark is text
AFTER = "\n    return area\n"
GREEDY = SamplingParameters(temperature=0, max_tokens=24, ignore_end=True)
LIMITS: Mapping[str, Any] = {"temperature": 0, "max_tokens": 24}
IGNORED_END = {"ignore_eos": True}


@pytest.fixture(scope="module")
def coding(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service, which has a model with the marks beside the embedded one, which has none."""
    path = infill_files.write(tmp_path_factory.mktemp("code") / f"{CODE}.gguf")
    with grpc.insecure_channel(stack.grpc_address) as channel:
        models = ModelServiceStub(channel)
        models.ImportModel(ImportModelRequest(path=str(path)))
        yield stack
        models.DeleteModel(DeleteModelRequest(model_id=CODE))


@pytest.fixture
async def inference(coding: Stack) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(coding.grpc_address) as channel:
        yield InferenceServiceStub(channel)


@pytest.fixture
async def client(coding: Stack) -> AsyncIterator[AsyncOpenAI]:
    url = f"{coding.http_url}/v1"
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as opened:
        yield opened


async def tokens(inference: Any, text: str) -> list[int]:
    request = TokenizeRequest(model=CODE, text=text, parse_special=False)
    return list((await inference.Tokenize(request)).tokens)


async def filled(inference: Any, before: str, after: str) -> GenerateResponse:
    request = GenerateRequest(model=CODE, prompt=before, suffix=after, sampling=GREEDY)
    return await inference.Generate(request)


@pytest.mark.parametrize(("before", "after"), [(BEFORE, AFTER), ("", AFTER), (BEFORE, "\n")])
async def test_the_marks_of_the_model_stand_before_the_parts(
    inference: Any, before: str, after: str
) -> None:
    begin = (await inference.Tokenize(TokenizeRequest(model=CODE, add_special=True))).tokens
    by_hand = [
        *begin,
        infill_files.PREFIX, *(await tokens(inference, before)),
        infill_files.SUFFIX, *(await tokens(inference, after)),
        infill_files.MIDDLE,
    ]  # fmt: skip

    gap = await filled(inference, before, after)
    request = GenerateRequest(model=CODE, prompt_tokens=by_hand, sampling=GREEDY)
    expected = await inference.Generate(request)

    assert gap.text == expected.text != ""
    assert gap.usage.prompt_tokens == len(by_hand)


async def test_a_gap_is_filled_alike_on_every_surface(
    coding: Stack, inference: Any, client: Any
) -> None:
    native = {
        "model": CODE, "prompt": BEFORE, "suffix": AFTER, "sampling": {**LIMITS, "ignoreEnd": True},
    }  # fmt: skip
    asked: dict[str, Any] = {
        "model": CODE, "prompt": BEFORE, "suffix": AFTER, **LIMITS, "extra_body": IGNORED_END,
    }  # fmt: skip
    # Ollama has no word for going on behind an end: as many tokens as come before it are compared.
    wish: dict[str, Any] = {"temperature": 0, "num_predict": 24}

    expected = (await filled(inference, BEFORE, AFTER)).text
    async with aiohttp.ClientSession(coding.http_url) as http:
        rest = await (await http.post("/funland/v1/generate", json=native)).json()
        lines = await http.post("/funland/v1/generate:stream", json=native)
        events = [
            json.loads(line.removeprefix(b"data: "))
            async for line in lines.content
            if line.startswith(b"data: {")
        ]
    openai = await client.completions.create(**asked)
    echoed = await client.completions.create(**asked, echo=True)
    chunks = [chunk async for chunk in await client.completions.create(**asked, stream=True)]
    opened: Any = AsyncClient(coding.http_url)
    async with opened as ollama:
        whole = await ollama.generate(CODE, BEFORE, AFTER, options=wish)
        stream: Any = await ollama.generate(CODE, BEFORE, AFTER, options=wish, stream=True)
        parts = [part.response async for part in stream]

    assert rest["text"] == expected
    assert "".join(event.get("delta", {}).get("text", "") for event in events) == expected
    assert openai.choices[0].text == expected
    assert echoed.choices[0].text == BEFORE + expected
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == expected
    assert "".join(parts) == whole.response
    assert whole.response
    assert expected.startswith(whole.response)


async def test_several_texts_and_several_prompts_have_a_gap(inference: Any, client: Any) -> None:

    answer = await client.completions.create(
        model=CODE, prompt=[BEFORE, "x ="], suffix=AFTER, n=2, **LIMITS, extra_body=IGNORED_END
    )

    texts = [(await filled(inference, before, AFTER)).text for before in (BEFORE, "x =")]
    assert [choice.text for choice in answer.choices] == [texts[0]] * 2 + [texts[1]] * 2


async def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call()
    return details(raised.value)["ErrorInfo"].reason, raised.value.details() or ""


async def test_what_can_t_be_with_a_gap_is_refused(coding: Stack, inference: Any) -> None:
    cut = GenerationOptions(last_prompt_tokens=4)
    requests = [
        GenerateRequest(prompt="a", suffix="b"),  # the embedded model has no marks
        GenerateRequest(model=CODE, prompt_tokens=[1], suffix="b"),
        GenerateRequest(model=CODE, prompt="a", suffix="b", as_message=True),
        GenerateRequest(model=CODE, prompt="a", suffix="b", options=cut),
        GenerateRequest(model=CODE, prompt="a " * 2000, suffix="b"),
    ]

    seen = [
        await refused(lambda request=request: inference.Generate(request)) for request in requests
    ]
    async with aiohttp.ClientSession(coding.http_url) as http:
        bodies: list[tuple[str, dict[str, Any]]] = [
            ("/v1/completions", {"prompt": "a", "suffix": "b"}),
            ("/api/generate", {"model": "funland-tiny", "prompt": "a", "suffix": "b"}),
            ("/v1/completions", {"model": CODE, "prompt": [1, 2], "suffix": "b"}),
            ("/v1/completions", {"model": CODE, "prompt": "", "suffix": ""}),
            ("/api/generate", {"model": CODE, "prompt": "a", "suffix": "b", "system": "c"}),
        ]
        answers = await asyncio.gather(*(http.post(path, json=body) for path, body in bodies))
        told = [json.dumps(await answer.json()) for answer in answers]

    assert [reason for reason, _ in seen] == [
        "MODEL_CANNOT_INFILL", "FIELD_INVALID", "FIELD_INVALID", "FIELD_INVALID", "PROMPT_TOO_LONG",
    ]  # fmt: skip
    assert "prompt or prompt_tokens must be given, and not both" in seen[1][1]
    assert "suffix can't be together with" in seen[2][1]
    assert [answer.status for answer in answers] == [400] * 5
    assert all("no tokens for that" in each for each in told[:2])
    for text, words in zip(
        told[2:], ("must be a text beside suffix", "must not be", "can't be given"), strict=True
    ):
        assert words in text

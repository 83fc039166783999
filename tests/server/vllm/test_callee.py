"""Calls of a model that `child.py` serves, of which the answers are the embedded model's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    EmbedRequest,
    Finish,
    GenerationOptions,
    Message,
    OutputFormat,
    SamplingParameters,
)
from funland.worker.v1.worker_pb2 import (
    Conversation,
    EmbedTexts,
    RankDocuments,
    Submit,
    TokenizeText,
    Tokens,
)
from funland_server.errors import FunlandError
from funland_server.inference.texts import Completed
from funland_server.vllm.runner import VllmRunner
from funland_server.workers.callee import Callee
from funland_server.workers.errors import EngineUnsupportedError
from tests.server.vllm.conftest import environment
from tools.try_vllm.stage import MODEL, Stage, stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

GREEDY = SamplingParameters(temperature=0)
HELLO = Conversation(messages=[Message(role=Message.USER, content="Hello!")])
STORY = Conversation(messages=[Message(role=Message.USER, content="Tell me a story.")])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def parts(
    tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path
) -> AsyncIterator[Stage]:
    home = tmp_path_factory.mktemp("callee")
    async with stage(home / "home", environment(home / "environment"), tiny_folder) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def runner(parts: Stage) -> AsyncIterator[VllmRunner]:
    made = parts.runner()
    await made.start()
    yield made
    await made.stop(force=True)


@pytest.fixture
def callee(runner: VllmRunner) -> Callee:
    return runner.callee()


async def complete(parts: Stage, submit: Submit, model: str = MODEL) -> Completed:
    return await parts.generations.complete(model, submit)


async def reason(parts: Stage, submit: Submit) -> tuple[str, FunlandError]:
    """Why a call fails."""
    with pytest.raises(FunlandError) as raised:
        await complete(parts, submit)
    return ErrorReason.Name(raised.value.to_wire().reason), raised.value


@pytest.mark.usefixtures("runner")
@pytest.mark.parametrize(
    "submit",
    [
        Submit(conversation=STORY, sampling=GREEDY),
        Submit(message="Hello!", sampling=GREEDY),
        Submit(prompt="Once upon a time", sampling=SamplingParameters(temperature=0, max_tokens=9)),
        Submit(
            tokens=Tokens(tokens=[785, 769]), sampling=SamplingParameters(top_k=1, max_tokens=9)
        ),
        Submit(conversation=STORY, sampling=SamplingParameters(temperature=0, stop=["fox"])),
        Submit(conversation=STORY, sampling=SamplingParameters(temperature=0, stop_tokens=[747])),
        Submit(
            conversation=STORY,
            sampling=SamplingParameters(temperature=0, stop=["fox"], include_stop=True),
        ),
        Submit(
            conversation=HELLO,
            sampling=GREEDY,
            format=OutputFormat(regex="(yes|no), [0-9]+ times"),
        ),
        Submit(
            conversation=HELLO, sampling=GREEDY, format=OutputFormat(json_schema='{"enum":["a"]}')
        ),
        Submit(conversation=HELLO, sampling=GREEDY, options=GenerationOptions(n=2)),
        Submit(conversation=HELLO, sampling=GREEDY, options=GenerationOptions(top_logprobs=2)),
        Submit(
            prompt="Once upon",
            sampling=SamplingParameters(temperature=0, max_tokens=0),
            options=GenerationOptions(prompt_logprobs=1),
        ),
        Submit(
            conversation=Conversation(
                messages=[*HELLO.messages, Message(role=Message.ASSISTANT, content="Hello")],
                continue_last=True,
            ),
            sampling=GREEDY,
        ),
    ],
)  # fmt: skip
async def test_what_the_same_model_answers_is_told_as_by_its_own_worker(
    parts: Stage, submit: Submit
) -> None:
    other = Submit()
    other.CopyFrom(submit)

    own = await complete(parts, other, "funland-tiny")
    told = await complete(parts, submit)

    assert [text.text for text in told.texts] == [text.text for text in own.texts]
    assert [text.finish.reason for text in told.texts] == [text.finish.reason for text in own.texts]
    assert told.usage.prompt_tokens == own.usage.prompt_tokens
    assert told.usage.completion_tokens == own.usage.completion_tokens
    for mine, its in zip(own.texts, told.texts, strict=True):
        assert [one.token_id for one in its.logprobs] == [one.token_id for one in mine.logprobs]
        assert [one.token for one in its.logprobs] == [one.token for one in mine.logprobs]
    assert [one.token_id for one in told.prompt_logprobs] == [
        one.token_id for one in own.prompt_logprobs
    ]
    assert told.device_ids == ("cpu_0",)


@pytest.mark.usefixtures("runner")
async def test_the_first_event_says_that_it_is_in_the_queue(parts: Stage) -> None:
    async with aclosing(
        parts.generations.stream(MODEL, Submit(conversation=STORY, sampling=GREEDY))
    ) as events:
        kinds = [event.WhichOneof("event") async for event in events]

    assert kinds[0] == "start"
    assert kinds[-1] == "finish"
    assert {*kinds[1:-1]} == {"delta"}


@pytest.mark.usefixtures("runner")
async def test_a_prompt_that_is_too_long_is_counted(parts: Stage) -> None:
    long = Submit(prompt="word " * 2000)
    chat = Submit(
        conversation=Conversation(messages=[Message(role=Message.USER, content="word " * 2000)])
    )

    for submit in (long, chat, Submit(tokens=Tokens(tokens=[5] * 1500))):
        code, error = await reason(parts, submit)

        assert code == "PROMPT_TOO_LONG"
        assert error.metadata["context_length"] == "1024"
        assert int(error.metadata["prompt_tokens"]) >= 1500


@pytest.mark.usefixtures("runner")
async def test_the_oldest_messages_leave_a_conversation_that_is_too_long(parts: Stage) -> None:
    long = [
        Message(role=(Message.USER, Message.ASSISTANT)[place % 2], content="word " * 150)
        for place in range(8)
    ]
    conversation = Conversation(messages=[*long, *HELLO.messages], drop_oldest=True)

    done = await complete(parts, Submit(conversation=conversation, sampling=GREEDY))

    own = await complete(parts, Submit(conversation=conversation, sampling=GREEDY), "funland-tiny")
    assert done.usage.dropped_messages == own.usage.dropped_messages > 0
    assert done.texts[0].text == own.texts[0].text


@pytest.mark.usefixtures("runner")
@pytest.mark.parametrize(
    ("submit", "expected"),
    [
        (Submit(tokens=Tokens(tokens=[99999])), "TOKEN_UNKNOWN"),
        (Submit(conversation=HELLO, format=OutputFormat(regex="((")), "CONSTRAINT_INVALID"),
    ],
)
async def test_what_it_refuses_has_the_contracts_reason(
    parts: Stage, submit: Submit, expected: str
) -> None:
    assert (await reason(parts, submit))[0] == expected


async def test_a_call_that_is_given_up_ends_at_once(parts: Stage, runner: VllmRunner) -> None:
    endless = SamplingParameters(ignore_end=True)
    events = parts.generations.stream(MODEL, Submit(conversation=STORY, sampling=endless))
    async for event in events:
        if event.HasField("delta"):
            break
    assert (await runner.http.get("/load"))["server_load"] == 1

    await events.aclose()

    async with asyncio.timeout(120):
        while (await runner.http.get("/load"))["server_load"]:  # noqa: ASYNC110 - another process'
            await asyncio.sleep(0.01)


async def test_tokens_go_there_and_back(callee: Callee) -> None:
    tokens = await callee.tokenize(TokenizeText(text="Hello é", with_pieces=True))

    assert b"".join(tokens.pieces).decode() == "Hello é"
    assert (await callee.detokenize(tokens)).text == "Hello é"
    assert (await callee.tokenize(TokenizeText(text=""))).tokens == []


async def test_a_conversation_is_rendered(callee: Callee) -> None:
    prompt = await callee.render(HELLO)

    assert prompt.text == "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
    assert len(prompt.tokens) == 13


@pytest.mark.parametrize(
    ("name", "request_", "expected"),
    [
        ("embed", EmbedTexts(inputs=["a"]), "ENGINE_UNSUPPORTED"),
        ("rank", RankDocuments(query="a", documents=["b"]), "ENGINE_UNSUPPORTED"),
        ("tokenize", TokenizeText(text="<|im_end|>"), "ENGINE_UNSUPPORTED"),
        ("detokenize", Tokens(tokens=[99999]), "TOKEN_UNKNOWN"),
    ],
)
async def test_what_its_api_does_not_have_is_refused(
    callee: Callee, name: str, request_: Any, expected: str
) -> None:
    with pytest.raises(FunlandError) as raised:
        await getattr(callee, name)(request_)

    assert ErrorReason.Name(raised.value.to_wire().reason) == expected


async def test_what_there_is_to_know_of_the_model_is_told(callee: Callee) -> None:
    ready = callee.ready

    assert callee.model_id == MODEL
    assert (ready.context_length, ready.vocabulary_size) == (1024, 4096)
    assert (ready.can_chat, ready.can_generate, ready.can_rank) == (True, True, False)
    assert ready.tokenizer.end_mark == "<|im_end|>"
    assert [*ready.tokenizer.end_tokens] == [2]


@pytest.mark.usefixtures("runner")
async def test_tokens_are_counted(parts: Stage) -> None:
    def counted() -> float | None:
        return parts.metrics.registry.get_sample_value(
            "funland_completion_tokens_total", {"model": MODEL}
        )

    before = counted() or 0

    done = await complete(parts, Submit(conversation=HELLO, sampling=GREEDY))

    assert counted() == before + done.usage.completion_tokens
    assert done.texts[0].finish.reason == Finish.STOP


async def test_one_that_is_served_for_embeddings_embeds_and_writes_nothing(
    tmp_path: Path, tiny_folder: Path
) -> None:
    folder = environment(tmp_path / "environment", "--embeds")
    async with stage(tmp_path / "home", folder, tiny_folder) as parts:
        runner = parts.runner()
        await runner.start()
        callee = runner.callee()
        request = EmbedTexts(
            inputs=["Hello", "Hi"], token_inputs=[Tokens(tokens=[934])], dimensions=8
        )

        told = await callee.embed(request)

        own = await (await parts.models.loader.worker("funland-tiny")).embed(request)
        assert told.prompt_tokens == own.prompt_tokens
        assert [len(one.values) for one in told.embeddings] == [8, 8, 8]
        for mine, its in zip(own.embeddings, told.embeddings, strict=True):
            assert [*its.values] == pytest.approx([*mine.values], abs=1e-6)
        assert not callee.ready.can_generate
        assert (await reason(parts, Submit(prompt="a")))[0] == "MODEL_CANNOT_GENERATE"
        for refused in (EmbedTexts(raw=True), EmbedTexts(pooling=EmbedRequest.CLS)):
            with pytest.raises(EngineUnsupportedError):
                await callee.embed(refused)
        await runner.stop(force=True)

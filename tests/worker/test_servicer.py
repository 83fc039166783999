"""The worker's service over its socket, with the embedded model and no process around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    EmbedRequest,
    Finish,
    GenerationOptions,
    Message,
    OutputFormat,
    SamplingParameters,
    Tool,
    ToolChoice,
)
from funland.worker.v1 import worker_pb2, worker_pb2_grpc
from funland.worker.v1.worker_pb2 import Command, Conversation, SequenceEvent, Submit
from funland_worker.prompts import PromptReader
from funland_worker.servicer import FAILURE_KEY, WorkerServicer
from funland_worker.templates.renderer import TemplateRenderer
from tests.worker.conftest import StartEngine

SECONDS = 120
AUTHORIZED = (("authorization", "secret"),)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if false %}system{% endif %}{{ '<|im_start|>assistant\n' }}"
)
ASK = Message(role=Message.USER, content="What is the weather in Paris?")
WEATHER = Tool(
    name="weather",
    parameters=json.dumps(
        {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 20},
                "days": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        }
    ),
)
TIME = Tool(name="time")


class Client:
    """What the server does with a worker: calls, and what goes over the link."""

    def __init__(
        self, stub: Any, servicer: WorkerServicer, steps: asyncio.Queue[worker_pb2.Step]
    ) -> None:
        self.stub = stub
        self.servicer = servicer
        self.steps = steps

    def submit(self, **submit: Any) -> None:
        self.servicer.obey(Command(submit=Submit(**submit)))

    async def step(self) -> worker_pb2.Step:
        async with asyncio.timeout(SECONDS):
            return await self.steps.get()

    async def events_until_end(self, *sequences: int, texts: int = 1) -> list[SequenceEvent]:
        """All events, until each of the sequences has ended."""
        left = dict.fromkeys(sequences, texts)
        events: list[SequenceEvent] = []
        while left:
            for event in (await self.step()).events:
                events.append(event)
                if event.HasField("failure"):
                    left.pop(event.sequence_id)
                elif event.HasField("finish"):
                    left[event.sequence_id] -= 1
                    if not left[event.sequence_id]:
                        del left[event.sequence_id]
        return events


StartClient = Callable[..., Any]


@pytest.fixture
async def start(start_engine: StartEngine, tmp_path: Path) -> AsyncIterator[StartClient]:
    """Serves an engine: `await start(template=..., queue_limit=1, slots=2)`."""
    async with AsyncExitStack() as cleanup:

        async def start(template: str = CHATML, queue_limit: int = 0, slots: int = 4) -> Client:
            engine = start_engine(slots=slots, context_length=1024).engine
            renderer = TemplateRenderer(template, begin_mark="", end_mark="")
            cleanup.push_async_callback(renderer.close)
            reader = PromptReader(engine, renderer, begin_mark="")
            steps: asyncio.Queue[worker_pb2.Step] = asyncio.Queue()
            servicer = WorkerServicer(
                engine, reader, "secret", steps.put_nowait, queue_limit=queue_limit
            )
            cleanup.callback(servicer.thread.stop)
            cleanup.push_async_callback(reader.close)
            server = grpc.aio.server()
            worker_pb2_grpc.add_WorkerServiceServicer_to_server(servicer, server)
            server.add_insecure_port(f"unix:{tmp_path / 's'}")
            await server.start()
            cleanup.push_async_callback(server.stop, None)
            channel = grpc.aio.insecure_channel(f"unix:{tmp_path / 's'}")
            cleanup.push_async_callback(channel.close)
            return Client(worker_pb2_grpc.WorkerServiceStub(channel), servicer, steps)

        yield start


def calls(events: list[SequenceEvent]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for event in events:
        for delta in event.delta.tool_calls:
            if delta.index == len(found):
                found.append((delta.name, delta.arguments))
            else:
                name, arguments = found[delta.index]
                found[delta.index] = (name, arguments + delta.arguments)
    return found


async def failure(call: Any) -> worker_pb2.Failure:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    trailers: dict[str, Any] = dict(raised.value.trailing_metadata() or ())
    return worker_pb2.Failure.FromString(trailers[FAILURE_KEY])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_call_that_must_be_made_is_made_with_arguments_that_fit(
    start: StartClient, seed: int
) -> None:
    client = await start()
    conversation = Conversation(
        messages=[ASK], tools=[TIME, WEATHER], tool_choice=ToolChoice(name="weather")
    )

    client.submit(
        sequence_id=1,
        conversation=conversation,
        sampling=SamplingParameters(temperature=1, seed=seed, max_tokens=300),
    )
    events = await client.events_until_end(1)

    ((name, arguments),) = calls(events)
    assert name == "weather"
    given = json.loads(arguments)
    assert sorted(given) == ["city", "days"]
    assert 1 <= given["days"] <= 9
    assert isinstance(given["city"], str)
    assert not any(event.delta.text for event in events)
    assert events[-1].finish.reason == Finish.TOOL_CALLS


async def test_some_call_is_made_if_one_is_required(start: StartClient) -> None:
    client = await start()
    choice = ToolChoice(mode=ToolChoice.REQUIRED)

    client.submit(
        sequence_id=1,
        conversation=Conversation(messages=[ASK], tools=[TIME, WEATHER], tool_choice=choice),
        sampling=SamplingParameters(temperature=0, max_tokens=400),
    )
    events = await client.events_until_end(1)

    made = calls(events)
    assert made
    for name, arguments in made[:-1]:
        assert name in ("time", "weather")
        assert isinstance(json.loads(arguments), dict)


async def test_a_call_that_is_cut_off_ends_with_length(start: StartClient) -> None:
    client = await start()
    choice = ToolChoice(name="weather")

    client.submit(
        sequence_id=1,
        conversation=Conversation(messages=[ASK], tools=[WEATHER], tool_choice=choice),
        sampling=SamplingParameters(temperature=0, max_tokens=12),
    )
    events = await client.events_until_end(1)

    assert events[-1].finish.reason == Finish.LENGTH


async def test_a_model_that_may_think_answers_in_the_format(start: StartClient) -> None:
    client = await start(CHATML + "{# </think> #}")
    schema = {
        "type": "object",
        "properties": {"n": {"type": "boolean"}},
        "required": ["n"],
        "additionalProperties": False,
    }

    client.submit(
        sequence_id=1,
        conversation=Conversation(messages=[ASK]),
        sampling=SamplingParameters(temperature=0, max_tokens=100),
        format=OutputFormat(json_schema=json.dumps(schema)),
    )
    events = await client.events_until_end(1)

    assert isinstance(json.loads("".join(event.delta.text for event in events))["n"], bool)
    assert events[-1].finish.reason == Finish.STOP


async def test_a_thought_that_is_cut_off_is_reasoning(start: StartClient) -> None:
    client = await start(CHATML + "<think>")

    client.submit(
        sequence_id=1,
        conversation=Conversation(messages=[ASK]),
        sampling=SamplingParameters(temperature=0, max_tokens=5, ignore_end=True),
    )
    events = await client.events_until_end(1)

    assert "".join(event.delta.reasoning for event in events)
    assert not any(event.delta.text for event in events)
    assert events[-1].finish.usage.reasoning_tokens == 5


async def test_several_texts_of_one_prompt_come_and_end_each_by_itself(
    start: StartClient,
) -> None:
    client = await start()

    client.submit(
        sequence_id=1,
        prompt="Once",
        options=GenerationOptions(n=3, top_logprobs=2),
        sampling=SamplingParameters(max_tokens=4, ignore_end=True, seed=1),
    )
    events = await client.events_until_end(1, texts=3)

    for choice in range(3):
        told = [event for event in events if event.choice == choice]
        assert sum(event.tokens for event in told) == 4
        assert told[-1].finish.reason == Finish.LENGTH
        logprobs = [token for event in told for token in event.delta.logprobs]
        assert [len(token.top) for token in logprobs] == [2] * 4
        assert all(token.logprob <= 0 for token in logprobs)


async def test_a_full_queue_refuses_at_once_and_says_when_to_try_again(
    start: StartClient,
) -> None:
    client = await start(queue_limit=1, slots=1)
    forever = SamplingParameters(max_tokens=900, ignore_end=True)
    for sequence_id in (1, 2):
        client.submit(sequence_id=sequence_id, prompt="Once", sampling=forever)

    client.submit(sequence_id=3, prompt="Once")
    (refused,) = [event for event in await client.events_until_end(3) if event.sequence_id == 3]

    assert refused.failure.reason == ErrorReason.QUEUE_FULL
    assert refused.failure.metadata == {"queue_limit": "1"}
    assert 1 <= refused.failure.retry_seconds <= 60
    client.servicer.obey(Command(cancel=worker_pb2.Cancel(sequence_id=1)))
    client.submit(sequence_id=4, prompt="Once", sampling=SamplingParameters(max_tokens=1))
    client.servicer.obey(Command(cancel=worker_pb2.Cancel(sequence_id=2)))
    assert (await client.events_until_end(4))[-1].finish.reason


async def test_a_ping_is_answered(start: StartClient) -> None:
    client = await start()

    client.servicer.obey(Command(ping=worker_pb2.Ping(ping_id=7)))

    assert (await client.step()).pong == worker_pb2.Pong(ping_id=7, step_ms=0)


async def test_a_conversation_is_rendered_and_not_answered(start: StartClient) -> None:
    client = await start()

    prompt = await client.stub.Render(
        Conversation(messages=[ASK], tools=[WEATHER]), metadata=AUTHORIZED
    )
    text = await client.stub.Detokenize(
        worker_pb2.Tokens(tokens=prompt.tokens), metadata=AUTHORIZED
    )

    assert prompt.text.endswith(f"{ASK.content}<|im_end|>\n<|im_start|>assistant\n")
    assert '"name":"weather"' in prompt.text
    assert text.text == prompt.text


async def test_embeddings_have_the_length_that_was_asked_for(start: StartClient) -> None:
    client = await start()

    async def embed(**request: Any) -> list[list[float]]:
        texts = worker_pb2.EmbedTexts(inputs=["one", "two"], **request)
        answer = await client.stub.Embed(texts, metadata=AUTHORIZED)
        return [list(embedding.values) for embedding in answer.embeddings]

    whole, short, raw = await embed(), await embed(dimensions=8), await embed(raw=True)

    assert [len(vector) for vector in short] == [8, 8]
    for vector in (*whole, *short):
        assert sum(value * value for value in vector) == pytest.approx(1, abs=1e-4)
    assert any(abs(sum(value * value for value in vector) - 1) > 0.01 for vector in raw)
    last = await embed(pooling=EmbedRequest.LAST)
    assert last != await embed(pooling=EmbedRequest.CLS)


async def test_more_dimensions_than_the_model_has_are_refused(start: StartClient) -> None:
    client = await start()
    texts = worker_pb2.EmbedTexts(inputs=["one"], dimensions=65536)

    told = await failure(client.stub.Embed(texts, metadata=AUTHORIZED))

    assert told.reason == ErrorReason.FIELD_INVALID
    assert told.metadata["field"] == "dimensions"


async def test_without_a_ranking_head_documents_are_ranked_by_their_embeddings(
    start: StartClient,
) -> None:
    client = await start()
    request = worker_pb2.RankDocuments(
        query="Tell me a story.", documents=["1 2 3 4 5", "Tell me a story."]
    )

    ranked = await client.stub.Rank(request, metadata=AUTHORIZED)

    other, same = ranked.scores
    assert same == pytest.approx(1, abs=1e-4)
    assert -1 <= other < same
    assert ranked.prompt_tokens > 0
    assert ranked.cosines


async def test_texts_and_tokens_are_embedded_in_their_order(start: StartClient) -> None:
    client = await start()
    tokens = await client.stub.Tokenize(
        worker_pb2.TokenizeText(text="Hello there"), metadata=AUTHORIZED
    )
    request = worker_pb2.EmbedTexts(
        inputs=["one", "Hello there"], token_inputs=[tokens, worker_pb2.Tokens(tokens=[5, 6])]
    )

    answer = await client.stub.Embed(request, metadata=AUTHORIZED)
    alone = await client.stub.Embed(
        worker_pb2.EmbedTexts(token_inputs=request.token_inputs[1:]), metadata=AUTHORIZED
    )

    one, text, same, other = [list(embedding.values) for embedding in answer.embeddings]
    assert text == pytest.approx(same, abs=1e-5)
    assert one != text
    assert other == pytest.approx(list(alone.embeddings[0].values), abs=1e-4)
    assert alone.prompt_tokens == 2


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [([5, 4096], ErrorReason.TOKEN_UNKNOWN), ([5] * 1025, ErrorReason.PROMPT_TOO_LONG)],
)
async def test_tokens_to_embed_must_be_the_models_and_fit(
    start: StartClient, tokens: list[int], reason: ErrorReason.ValueType
) -> None:
    client = await start()
    inputs = [worker_pb2.Tokens(tokens=each) for each in ([5], tokens)]

    told = await failure(
        client.stub.Embed(worker_pb2.EmbedTexts(token_inputs=inputs), metadata=AUTHORIZED)
    )

    assert told.reason == reason
    if reason == ErrorReason.TOKEN_UNKNOWN:
        assert told.metadata["field"] == "token_inputs[1].tokens[1]"


async def test_the_bytes_of_tokens_are_told_to_those_who_ask(start: StartClient) -> None:
    client = await start()
    text = "time 好🙂<|im_end|>"

    for parse_special in (False, True):
        request = worker_pb2.TokenizeText(text=text, with_pieces=True, parse_special=parse_special)
        answer = await client.stub.Tokenize(request, metadata=AUTHORIZED)
        assert len(answer.pieces) == len(answer.tokens)
        assert b"".join(answer.pieces).decode() == text
    plain = await client.stub.Tokenize(worker_pb2.TokenizeText(text=text), metadata=AUTHORIZED)
    assert not plain.pieces


async def test_what_is_told_of_a_prompt_comes_once_and_before_its_texts(
    start: StartClient,
) -> None:
    client = await start()
    options = GenerationOptions(n=2, prompt_logprobs=1, progress=True)

    client.submit(
        sequence_id=1,
        prompt="Once upon a time " * 80,
        options=options,
        sampling=SamplingParameters(temperature=0, max_tokens=3),
    )
    events = await client.events_until_end(1, texts=2)

    kinds = [
        kind
        for event in events
        if event.sequence_id == 1
        for kind in ("prefill", "prompt_logprobs", "delta", "finish")
        if event.HasField(kind)
    ]
    assert kinds.count("prompt_logprobs") == 1
    assert kinds[0] == "prefill"
    assert kinds.index("prompt_logprobs") < kinds.index("delta")
    assert kinds.index("prompt_logprobs") > max(
        place for place, kind in enumerate(kinds) if kind == "prefill"
    )
    (told,) = [event.prompt_logprobs for event in events if event.HasField("prompt_logprobs")]
    last = [event.prefill for event in events if event.HasField("prefill")][-1]
    assert len(told.tokens) == last.total == last.done
    assert not told.tokens[0].HasField("logprob")
    assert all(token.HasField("logprob") and len(token.top) == 1 for token in told.tokens[1:])
    assert all(not event.choice for event in events if event.HasField("prompt_logprobs"))

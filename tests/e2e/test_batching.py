"""Calls that come together are computed together, and none notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING

import grpc.aio
import pytest

from funland.v1.inference_pb2 import ChatRequest, GenerationEvent, Message, SamplingParameters
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland.v1.system_pb2 import GetMetricsRequest
from funland.v1.system_pb2_grpc import SystemServiceStub
from tests import sure_stories

if TYPE_CHECKING:
    from tests.conftest import Stack

CALLS = 32
WATCHED = 100
QUESTIONS = [
    *sure_stories.QUESTIONS,
    *(f"Tell me a short story about a brave {hero}." for hero in sure_stories.HEROES),
]


@pytest.fixture
async def channel(stack: Stack) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(stack.grpc_address) as opened:
        yield opened


async def test_32_chats_at_once_share_batches(channel: grpc.aio.Channel) -> None:
    chats = [
        InferenceServiceStub(channel).StreamChat(chat(each, 100_000, ignore_end=True), timeout=120)
        for each in QUESTIONS
    ]
    for each in chats:
        await begin(each)
    passes, sequences = passes_after, sequences_after = await batches(channel)
    while passes_after < passes + WATCHED:
        passes_after, sequences_after = await batches(channel)
    for each in chats:
        each.cancel()

    assert len(chats) == CALLS
    assert (sequences_after - sequences) / (passes_after - passes) == CALLS


async def test_each_of_32_chats_at_once_says_what_it_says_alone(
    channel: grpc.aio.Channel,
) -> None:
    alone = [await answer(channel, each) for each in QUESTIONS]

    together = await asyncio.gather(*(answer(channel, each) for each in QUESTIONS))

    assert together == alone
    assert len(set(alone)) > CALLS / 4
    assert min(map(len, alone)) > 100


async def answer(channel: grpc.aio.Channel, question: str) -> str:
    response = await InferenceServiceStub(channel).Chat(chat(question, 40), timeout=120)
    return response.message.content


def chat(question: str, tokens: int, *, ignore_end: bool = False) -> ChatRequest:
    return ChatRequest(
        messages=[Message(role=Message.USER, content=question)],
        sampling=SamplingParameters(temperature=0, max_tokens=tokens, ignore_end=ignore_end),
    )


async def begin(answered: AsyncIterable[GenerationEvent]) -> None:
    async for event in answered:
        if event.HasField("delta"):
            return
    pytest.fail("The text ended before it began.")


async def batches(channel: grpc.aio.Channel) -> tuple[float, float]:
    """How many forward passes there were, and how many sequences they advanced."""
    body = await SystemServiceStub(channel).GetMetrics(GetMetricsRequest(), timeout=120)
    values = dict(line.rsplit(" ", 1) for line in body.data.decode().splitlines())
    name, label = "funland_batch_size", '{model="funland-tiny"}'
    return float(values[f"{name}_count{label}"]), float(values[f"{name}_sum{label}"])

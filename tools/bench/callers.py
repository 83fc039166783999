"""Callers of servers: gRPC, and OpenAI's API of any server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

import aiohttp
import grpc.aio
import orjson

from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland_cli.bench_statistics import Call

_TIMEOUT_SECONDS = 600


class GrpcCaller:
    """Calls `InferenceService.StreamChat`."""

    def __init__(self, address: str, model: str) -> None:
        self._model = model
        self._stub = InferenceServiceStub(
            grpc.aio.insecure_channel(address, [("grpc.enable_http_proxy", 0)])
        )

    async def wave(self, messages: Sequence[str], tokens: int) -> list[Call]:
        """Makes one call for each message, all at once."""
        return await asyncio.gather(*(self._call(message, tokens) for message in messages))

    async def _call(self, message: str, tokens: int) -> Call:
        request = ChatRequest(
            model=self._model,
            messages=[Message(role=Message.USER, content=message)],
            sampling=SamplingParameters(temperature=0, max_tokens=tokens, ignore_end=True),
        )
        start = perf_counter()
        arrivals: list[float] = []
        made = 0
        async for event in self._stub.StreamChat(request, timeout=_TIMEOUT_SECONDS):
            if event.HasField("delta"):
                arrivals.append(perf_counter())
            elif event.HasField("finish"):
                made = event.finish.usage.completion_tokens
        return _complete(start, arrivals, made)


class HttpCaller:
    """Streams `POST /v1/chat/completions`, in the same way whoever answers."""

    def __init__(self, url: str, model: str) -> None:
        self._url = f"{url}/v1/chat/completions"
        self._model = model

    async def wave(self, messages: Sequence[str], tokens: int) -> list[Call]:
        """Makes one call for each message, all at once, each on a connection of its own."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            return await asyncio.gather(
                *(self._call(session, message, tokens) for message in messages)
            )

    async def _call(self, session: aiohttp.ClientSession, message: str, tokens: int) -> Call:
        body = orjson.dumps(
            {
                "model": self._model,
                "messages": [{"role": "user", "content": message}],
                "temperature": 0,
                "max_tokens": tokens,
                "ignore_eos": True,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        )
        headers = {"content-type": "application/json"}
        start = perf_counter()
        arrivals: list[float] = []
        made = 0
        async with session.post(self._url, data=body, headers=headers) as answer:
            if not answer.ok:
                raise RuntimeError(f"{answer.status} {await answer.text()}")
            async for line in answer.content:
                if not line.startswith(b"data: {"):
                    continue
                event = orjson.loads(line[len(b"data: ") :])
                if any(choice["delta"].get("content") for choice in event["choices"]):
                    arrivals.append(perf_counter())
                if any(choice.get("finish_reason") == "length" for choice in event["choices"]):
                    made = tokens  # not every server tells usage in a stream
                if event.get("usage"):
                    made = event["usage"]["completion_tokens"]
        return _complete(start, arrivals, made)


def _complete(start: float, arrivals: Sequence[float], tokens: int) -> Call:
    if not arrivals or not tokens:
        raise RuntimeError("a stream ended before its answer was complete")
    return Call(start, tuple(arrivals), tokens)

"""Callers of servers: gRPC, and OpenAI's API of any server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from funland.v1.inference_pb2 import (
    ChatRequest,
    GenerationEvent,
    Message,
    SamplingParameters,
)
from funland_cli.bench_statistics import Call
from tools.bench import http2
from tools.bench.http1 import Line, post_all
from tools.bench.http2 import GrpcConnection

_TIMEOUT_SECONDS = 600
_STREAM_CHAT = "/funland.v1.InferenceService/StreamChat"


class GrpcCaller:
    """Calls `InferenceService.StreamChat`, all calls over one connection."""

    def __init__(self, address: str, model: str) -> None:
        self._model = model
        self._connection = GrpcConnection(address, _TIMEOUT_SECONDS)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    async def wave(self, messages: Sequence[str], tokens: int) -> list[Call]:
        """Makes one call for each message, all at once."""
        requests = [
            ChatRequest(
                model=self._model,
                messages=[Message(role=Message.USER, content=message)],
                sampling=SamplingParameters(temperature=0, max_tokens=tokens, ignore_end=True),
            ).SerializeToString()
            for message in messages
        ]
        start, answers = self._connection.wave(_STREAM_CHAT, requests)
        return [self._call(start, answer) for answer in answers]

    def _call(self, start: float, answer: Sequence[http2.Message]) -> Call:
        arrivals: list[float] = []
        made = 0
        for message in answer:
            event = GenerationEvent.FromString(message.data)
            if event.HasField("delta"):
                arrivals.append(message.at)
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
        bodies = [
            orjson.dumps(
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
            for message in messages
        ]
        start, answers = post_all(self._url, bodies, _TIMEOUT_SECONDS)
        return [self._call(start, answer, tokens) for answer in answers]

    def _call(self, start: float, answer: Iterable[Line], tokens: int) -> Call:
        arrivals: list[float] = []
        made = 0
        for line in answer:
            if not line.text.startswith(b"data: {"):
                continue
            event = orjson.loads(line.text.removeprefix(b"data: "))
            if any(choice["delta"].get("content") for choice in event["choices"]):
                arrivals.append(line.at)
            if any(choice.get("finish_reason") == "length" for choice in event["choices"]):
                made = tokens  # not every server tells usage in a stream
            if event.get("usage"):
                made = event["usage"]["completion_tokens"]
        return _complete(start, arrivals, made)


def _complete(start: float, arrivals: Sequence[float], tokens: int) -> Call:
    if not arrivals or not tokens:
        raise RuntimeError("a stream ended before its answer was complete")
    return Call(start, tuple(arrivals), tokens)

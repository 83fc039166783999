"""A program that stands for vLLM where there is none: its arguments, its socket, its answers.

What it answers is made by our own server with the embedded model; how it says it is vLLM 0.32's
way, which `recorded.json` has from the real one, and `test_child.py` compares. Behind `--` it is
given what vLLM would be; before it, what is to go wrong:

    child.py [--fail WORDS] [--deaf] [--helpers FILE] [--mute] [--embeds] -- -P -m MODULE ...
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc.aio
import orjson
from aiohttp import web
from google.protobuf.message import Message

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import Delta, Finish, GenerationEvent, TokenLogprob
from funland_gateway.dialects.dialect import Incoming, Streaming, Unary
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.reading import JsonObject
from funland_server.app import Server
from funland_server.config import ServerSettings

_METHODS = inference_pb2.DESCRIPTOR.services_by_name["InferenceService"].methods_by_name
_VLLMS_ALONE = {
    "model", "return_token_ids", "return_tokens_as_token_ids", "priority", "prompt_logprobs",
    "truncate_prompt_tokens", "truncation_side",
}  # fmt: skip
_REASONS = {Finish.STOP: "stop", Finish.LENGTH: "length", Finish.TOOL_CALLS: "tool_calls"}


def options() -> tuple[argparse.Namespace, argparse.Namespace]:
    """What is to go wrong, and what vLLM is told; it takes no argument that vLLM does not."""
    own = argparse.ArgumentParser()
    own.add_argument("--fail")
    own.add_argument("--deaf", action="store_true")
    own.add_argument("--helpers", type=Path)
    own.add_argument("--mute", action="store_true")
    own.add_argument("--embeds", action="store_true")
    place = sys.argv.index("--")
    vllm = argparse.ArgumentParser()
    for name in (
        "model", "served-model-name", "uds", "scheduling-policy", "generation-config", "dtype",
        "chat-template", "tool-call-parser", "reasoning-parser",
    ):  # fmt: skip
        vllm.add_argument(f"--{name}")
    for name in (
        "max-logprobs", "kv-cache-memory-bytes", "max-model-len", "tensor-parallel-size",
        "max-num-seqs",
    ):  # fmt: skip
        vllm.add_argument(f"--{name}", type=int)
    vllm.add_argument("--gpu-memory-utilization", type=float)
    vllm.add_argument("--structured-outputs-config", type=orjson.loads)
    for name in (
        "enable-prompt-tokens-details", "enable-per-request-metrics",
        "disable-uvicorn-access-log", "enable-auto-tool-choice",
    ):  # fmt: skip
        vllm.add_argument(f"--{name}", action="store_true")
    assert sys.argv[place + 1 : place + 4] == ["-P", "-m", "vllm.entrypoints.openai.api_server"]
    return own.parse_args(sys.argv[1:place]), vllm.parse_args(sys.argv[place + 4 :])


class Child:
    """Its routes."""

    def __init__(self, server: Server, told: argparse.Namespace, *, embeds: bool) -> None:
        """One that `embeds` has no routes for texts, as vLLM has it."""
        self._server = server
        self._told = told
        self._answering = 0
        self.app = web.Application(middlewares=[self._guard], client_max_size=2**30)
        self.app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/openapi.json", self._openapi),
                web.get("/load", self._load),
                web.get("/v1/models", self._models),
                web.post("/tokenize", self._tokenize),
            ]
        )
        if embeds:
            self.app.add_routes([web.post("/v1/embeddings", self._embed)])
        else:
            self.app.add_routes(
                [
                    web.post("/v1/chat/completions", self._chat),
                    web.post("/v1/completions", self._completion),
                ]
            )

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """vLLM asks for the key under `/v1` alone."""
        key = f"Bearer {os.environ['VLLM_API_KEY']}"
        given = request.headers.get("authorization", "")
        if request.path.startswith("/v1") and not hmac.compare_digest(given, key):
            return web.json_response({"error": "Unauthorized"}, status=401)
        try:
            return await handler(request)
        except grpc.aio.AioRpcError as error:
            return _refused(error, self._length)

    @property
    def _length(self) -> int:
        return self._told.max_model_len or 1024

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _load(self, _: web.Request) -> web.Response:
        return web.json_response({"server_load": self._answering})

    async def _openapi(self, _: web.Request) -> web.Response:
        routes = [route.resource for route in self.app.router.routes()]
        told = [one.canonical for one in routes if one and one.canonical != "/openapi.json"]
        return web.json_response({"paths": dict.fromkeys(told, None)})

    async def _models(self, _: web.Request) -> web.Response:
        card = {"id": self._told.served_model_name, "max_model_len": self._length}
        return web.json_response({"object": "list", "data": [card]})

    async def _tokenize(self, request: web.Request) -> web.Response:
        body = await request.json()
        if "messages" in body:
            read = create_chat_completion(_incoming(body))
            assert isinstance(read.message, inference_pb2.ChatRequest)
            chat = inference_pb2.ApplyTemplateRequest(chat=read.message)
            tokens = (await self._call("ApplyTemplate", chat)).tokens
        else:
            wanted = inference_pb2.TokenizeRequest(
                text=body["prompt"],
                add_special=body.get("add_special_tokens", True),
                parse_special=True,
            )
            tokens = (await self._call("Tokenize", wanted)).tokens
        answer = {"count": len(tokens), "max_model_len": self._length, "tokens": [*tokens]}
        return web.json_response({**answer, "token_strs": None})

    async def _embed(self, request: web.Request) -> web.Response:
        body = await request.json()
        inputs: list[str | list[int]] = body["input"]
        texts = [one for one in inputs if isinstance(one, str)]
        tokens = [inference_pb2.TokenList(tokens=one) for one in inputs if isinstance(one, list)]
        assert not (texts and tokens)  # vLLM takes one kind
        told = await self._call(
            "Embed",
            inference_pb2.EmbedRequest(
                inputs=texts, token_inputs=tokens, dimensions=body.get("dimensions")
            ),
        )
        data = [
            {"object": "embedding", "index": place, "embedding": [*one.values]}
            for place, one in enumerate(told.embeddings)
        ]
        usage = {"prompt_tokens": told.usage.prompt_tokens, "total_tokens": told.usage.total_tokens}
        return web.json_response({"object": "list", "data": data, "usage": usage})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return await self._answer(request, body, create_chat_completion(_incoming(body)))

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        read = create_completion(_incoming(body))
        assert isinstance(read, (Unary, Streaming))
        return await self._answer(request, body, read)

    async def _answer(
        self, request: web.Request, body: Mapping[str, Any], read: Unary | Streaming
    ) -> web.StreamResponse:
        wanted: Any = read.message
        chats = isinstance(wanted, inference_pb2.ChatRequest)
        top = body.get("top_logprobs" if chats else "logprobs")
        wanted.options.top_logprobs = int(top or 0)  # without them no token is named
        if (count := body.get("prompt_logprobs")) is not None:
            wanted.options.prompt_logprobs = count
        self._answering += 1
        try:
            return await self._told_of(request, body, wanted, top)
        finally:
            self._answering -= 1

    async def _told_of(
        self, request: web.Request, body: Mapping[str, Any], wanted: Any, top: int | None
    ) -> web.StreamResponse:
        chats = isinstance(wanted, inference_pb2.ChatRequest)
        method = _METHODS["StreamChat" if chats else "StreamGenerate"]
        async with self._server.channel.stream(method, wanted, (), None) as events:
            parts = _parts(
                events, chats=chats, shows=top is not None and body.get("logprobs") is not None
            )
            if body.get("stream"):
                return await _streamed(request, parts)
            return web.json_response(_whole([part async for part in parts], chats=chats))

    async def _call(self, name: str, request: Message) -> Any:
        return await self._server.channel.unary(_METHODS[name], request, (), None)


def _incoming(body: Mapping[str, Any]) -> Incoming:
    plain = {name: value for name, value in body.items() if name not in _VLLMS_ALONE}
    return Incoming(JsonObject(plain), {}, 0)


async def _streamed(
    request: web.Request, parts: AsyncIterator[Mapping[str, Any]]
) -> web.StreamResponse:
    first = await anext(parts)  # what is refused has a status of its own
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: " + orjson.dumps(first) + b"\n\n")
    async for part in parts:
        await response.write(b"data: " + orjson.dumps(part) + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    return response


async def _parts(
    events: AsyncIterator[Any], *, chats: bool, shows: bool
) -> AsyncIterator[Mapping[str, Any]]:
    """A chat begins with a part that has nothing but the role; both end with the usage."""
    usages: list[Any] = []
    cached = 0
    async for event in events:
        told: GenerationEvent = event
        match told.WhichOneof("event"):
            case "start" if chats:
                yield {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
            case "prompt_logprobs":
                tokens = told.prompt_logprobs.tokens
                yield {
                    "choices": [],
                    "prompt_token_ids": [one.token_id for one in tokens],
                    "prompt_logprobs": [_row(one) for one in tokens],
                }
            case "delta":
                yield {"choices": [_choice(told, chats=chats, shows=shows)]}
            case "finish":
                usages.append(told.finish.usage)
                cached = told.finish.usage.cached_prompt_tokens
                yield {"choices": [_choice(told, chats=chats, shows=shows)]}
            case _:
                pass
    prompt = usages[0].prompt_tokens
    made = sum(usage.completion_tokens for usage in usages)
    yield {
        "choices": [],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": made,
            "total_tokens": prompt + made,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    }


def _choice(event: GenerationEvent, *, chats: bool, shows: bool) -> dict[str, Any]:
    delta = event.delta
    told: dict[str, Any] = {
        "index": event.choice,
        "logprobs": None,
        "finish_reason": _REASONS[event.finish.reason] if event.HasField("finish") else None,
        "token_ids": [one.token_id for one in delta.logprobs],
    }
    if shows and delta.logprobs:
        told["logprobs"] = _logprobs(delta, chats=chats)
    if not chats:
        return {**told, "text": delta.text}
    message: dict[str, Any] = {}
    if delta.text:
        message["content"] = delta.text
    if delta.tool_calls:
        message["tool_calls"] = [_tool_call(one) for one in delta.tool_calls]
    return {**told, "delta": message}


def _tool_call(call: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"index": call.index, "function": {"arguments": call.arguments}}
    if call.name:
        told |= {"id": call.id, "type": "function"}
        told["function"]["name"] = call.name
    return told


def _logprobs(delta: Delta, *, chats: bool) -> dict[str, Any]:
    if chats:
        return {"content": [_entry(one) for one in delta.logprobs]}
    return {
        "tokens": [_name(one) for one in delta.logprobs],
        "token_logprobs": [one.logprob for one in delta.logprobs],
        "top_logprobs": [
            {_name(each): each.logprob for each in (one, *one.top)} for one in delta.logprobs
        ],
    }


def _entry(one: TokenLogprob) -> dict[str, Any]:
    top = [{"token": _name(each), "logprob": each.logprob} for each in one.top]
    return {"token": _name(one), "logprob": one.logprob, "top_logprobs": top}


def _name(one: TokenLogprob) -> str:
    return f"token_id:{one.token_id}"


def _row(one: TokenLogprob) -> dict[str, Any] | None:
    if not one.HasField("logprob"):
        return None
    return {str(each.token_id): {"logprob": each.logprob} for each in (one, *one.top)}


def _whole(parts: list[Mapping[str, Any]], *, chats: bool) -> dict[str, Any]:
    """An answer that is no stream, of one text."""
    text, tokens, told, whole = "", list[int](), dict[str, Any](), dict[str, Any]()
    for part in parts:
        whole |= {name: value for name, value in part.items() if name != "choices"}
        for choice in part["choices"]:
            tokens += choice.get("token_ids", ())
            text += choice.get("text") or choice.get("delta", {}).get("content") or ""
            told |= choice
    told |= {"token_ids": tokens, "logprobs": None}
    told.pop("delta", None)
    if chats:
        told["message"] = {"role": "assistant", "content": text}
    else:
        of_prompt = ("prompt_logprobs", "prompt_token_ids")
        told |= {"text": text, **{name: whole.pop(name) for name in of_prompt if name in whole}}
    return {**whole, "choices": [told]}


def _refused(error: grpc.aio.AioRpcError, length: int) -> web.Response:
    """As vLLM says what our server says."""
    said, param = error.details() or "", None
    if said.startswith("The prompt has"):
        said = (
            f"This model's maximum context length is {length} tokens. However, your prompt contains"
            f" at least {length + 1} input tokens, which exceeds this limit even without any output"
            f" tokens. Please reduce the length of the input prompt. (parameter=input_tokens,"
            f" value={length + 1})"
        )
        param = "input_tokens"
    elif "vocabulary" in said:
        said = "Token id 99999 is out of vocabulary"
    elif "format" in said:
        said = f"Grammar error: {said}"
    told = {"message": said, "type": "BadRequestError", "param": param, "code": 400}
    return web.json_response({"error": told}, status=400)


async def serve(told: argparse.Namespace, *, embeds: bool) -> None:
    """Answers until SIGTERM."""
    with tempfile.TemporaryDirectory() as home:
        server = Server(ServerSettings(home=Path(home), port=0))
        await server.start()
        runner = web.AppRunner(Child(server, told, embeds=embeds).app, handler_cancellation=True)
        await runner.setup()
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await web.UnixSite(runner, told.uds).start()
        sys.stderr.write(f"(APIServer pid={os.getpid()}) INFO 11-28 Serving {told.model}\n")
        await stop.wait()
        await runner.cleanup()
        await server.stop(0)


def main() -> None:
    """Does first what is to go wrong."""
    wrong, told = options()
    if wrong.helpers is not None:  # one in its session, and one that left it
        waits = [sys.executable, "-c", "import signal; signal.pause()"]
        helpers = [subprocess.Popen(waits, start_new_session=new) for new in (False, True)]
        wrong.helpers.write_text(" ".join(str(each.pid) for each in (*helpers,)))
    if wrong.fail is not None:
        sys.stderr.write(f"(EngineCore pid=1) ERROR 11-28 [core.py:1]\n{wrong.fail}\n")
        sys.exit(1)
    if wrong.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if wrong.mute or wrong.deaf:
        sys.stderr.write("(APIServer pid=1) WARNING 11-28 It says nothing.\n")
        sys.stderr.flush()
        while True:
            with contextlib.suppress(InterruptedError):
                signal.pause()
    asyncio.run(serve(told, embeds=wrong.embeds))


if __name__ == "__main__":
    main()

"""The least that a server on grpc.aio can be: `python -m tools.bench.least_server`.

An engine in a process of its own, as a worker, and a server that does nothing but write what comes
from there. What it loses against the engine is grpc.aio's, the caller's and the cores', whatever
else a server does.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import select
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
import grpc.aio
import orjson

from funland.v1.inference_pb2 import ChatRequest, Delta, Finish, GenerationEvent, Usage
from funland_server.workers.launch import ENVIRONMENT
from funland_worker.engines.protocol import Engine, Prompt, Sampling
from tools.bench.engine_loop import open_engine
from tools.bench.prompts import chat_prompt
from tools.bench.services import read_line, running

_START_SECONDS = 120
_TOGETHER_SECONDS = 0.005
"""Calls that come so soon after one another begin together, as in a worker (ADR 0038)."""
_READ_BYTES = 64 * 1024


@contextmanager
def least_server(
    model: Path, context_length: int, slots: int, threads: int, log: Path
) -> Generator[str]:
    """Runs it on loopback; gives its address."""
    command = [sys.executable, "-m", "tools.bench.least_server", str(model)]
    command += [str(context_length), str(slots), str(threads)]
    with running(command, log) as process:
        if not (address := read_line(process, _START_SECONDS)):
            raise RuntimeError(f"the least server did not start; see {log}")
        yield address.decode().strip()


async def _serve() -> None:
    own, engines = socket.socketpair()
    with engines:
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tools.bench.least_server", *sys.argv[1:],
            "--engine", str(engines.fileno()),
            pass_fds=[engines.fileno()],
            env={**ENVIRONMENT, **os.environ},
        )  # fmt: skip
    loop = asyncio.get_running_loop()
    own.setblocking(False)
    await loop.sock_recv(own, 1)  # the model is loaded
    numbers = itertools.count()
    events: dict[int, asyncio.Queue[GenerationEvent]] = {}
    pending = b""
    over: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        nonlocal pending
        if not (data := own.recv(_READ_BYTES)):
            loop.remove_reader(own)
            over.set_result(None)
            return
        *lines, pending = (pending + data).split(b"\n")
        for number, text, made in (told for line in lines for told in orjson.loads(line)):
            events[number].put_nowait(GenerationEvent(delta=Delta(text=text)))
            if made:
                usage = Usage(completion_tokens=made)
                events[number].put_nowait(GenerationEvent(finish=Finish(usage=usage)))

    async def chat(request: ChatRequest, _: object) -> AsyncGenerator[GenerationEvent]:
        number = next(numbers)
        queue = events[number] = asyncio.Queue()
        wanted = [number, request.messages[0].content, request.sampling.max_tokens]
        own.send(orjson.dumps(wanted) + b"\n")
        while True:
            event = await queue.get()
            yield event
            if event.HasField("finish"):
                del events[number]
                return

    server: Any = grpc.aio.server()
    handler = grpc.unary_stream_rpc_method_handler(
        chat, ChatRequest.FromString, GenerationEvent.SerializeToString
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "funland.v1.InferenceService", {"StreamChat": handler}
            ),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    loop.add_reader(own, read)
    print(f"127.0.0.1:{port}", flush=True)
    await over


def _compute(engine: Engine, link: socket.socket) -> None:
    """Steps the engine while there is something to do, and tells what each step brought."""
    pending = b""
    link.sendall(b"\n")
    while True:
        patience = None if engine.idle else 0.0
        while select.select([link], [], [], patience)[0]:
            if not (data := link.recv(_READ_BYTES)):
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                _submit(engine, *orjson.loads(line))
            if patience is None:
                patience = _TOGETHER_SECONDS
        report = engine.step()
        told = [
            [each.sequence_id, each.text, each.outcome.completion_tokens if each.outcome else 0]
            for each in report.advances
        ]
        link.sendall(orjson.dumps(told) + b"\n")


def _submit(engine: Engine, number: int, message: str, tokens: int) -> None:
    prompt = engine.vocabulary.tokenize(chat_prompt(message), add_special=True, parse_special=True)
    sampling = Sampling(temperature=0.0, max_tokens=tokens, ignore_end=True)
    engine.submit(Prompt(number, prompt, sampling, monotonic()))


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.least_server")
    parser.add_argument("model", type=Path)
    parser.add_argument("context_length", type=int)
    parser.add_argument("slots", type=int)
    parser.add_argument("threads", type=int)
    parser.add_argument("--engine", type=int, help="be the engine, on this descriptor")
    arguments = parser.parse_args()
    if arguments.engine is None:
        asyncio.run(_serve())
    else:
        engine = open_engine(
            "llama.cpp",
            arguments.model,
            context_length=arguments.context_length,
            slots=arguments.slots,
            threads=arguments.threads,
        )
        _compute(engine, socket.socket(fileno=arguments.engine))


if __name__ == "__main__":
    _main()

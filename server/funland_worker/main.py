"""The process that holds one model: `python -m funland_worker.main`, started by the server.

It reads a `Launch` from its standard input, loads the model, listens, and writes a line of
`Handshake` to its standard output each time the load got on and when it is done. When its standard
input ends, so does it: at once, whatever it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc.aio
from google.protobuf import json_format

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1 import worker_pb2, worker_pb2_grpc
from funland_worker.engines.choice import load
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.loaded import Loaded, ModelFacts
from funland_worker.engines.media import MediaKind
from funland_worker.engines.protocol import EngineError
from funland_worker.limits import limit_memory
from funland_worker.link import Link
from funland_worker.media.opening import KINDS, opened_media
from funland_worker.media.servicer import MediaServicer
from funland_worker.prompts import PromptReader
from funland_worker.servicer import WorkerServicer
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.wire import failure_to_wire, tokenizer_to_wire

logger = logging.getLogger(__name__)

LARGEST_MESSAGE = 128 * 1024**2
OPTIONS = [
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
    # How many of the server's calls may lie in gRPC's core before Python takes them, and for how
    # many seconds: with its own 1,000 and 30 it cancels some without a word.
    ("grpc.server.max_pending_requests", 65_536),
    ("grpc.server.max_pending_requests_hard_limit", 65_536),
    ("grpc.server_max_unrequested_time_in_server", 3600),
]
"""Of a worker's gRPC server."""


def main() -> None:
    """Serves one model until the server lets go of it."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    # Standard output is the handshake's: what native code prints there goes to the log instead.
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Ctrl-C in the server's terminal reaches the whole group; the server says when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    launch = json_format.Parse(sys.stdin.readline(), worker_pb2.Launch())
    limit_memory(launch.memory_limit_bytes)
    socket = Path(launch.socket_path)
    threading.Thread(target=_end_with_input, args=[socket], daemon=True).start()
    asyncio.run(_serve(launch))


async def _serve(launch: worker_pb2.Launch) -> None:
    link = await Link.open(launch.link_descriptor)
    try:
        servicer, ready = await opened(launch, link.send, LoadNews(_say_progress))
    except EngineError as error:
        _say(worker_pb2.Handshake(failure=failure_to_wire(error)))
        return
    server = grpc.aio.server(options=OPTIONS)
    worker_pb2_grpc.add_WorkerServiceServicer_to_server(servicer, server)
    os.umask(0o177)  # the socket is for this user alone
    server.add_insecure_port(f"unix:{launch.socket_path}")
    await server.start()
    _say(worker_pb2.Handshake(ready=ready))
    obeying = asyncio.create_task(_obey(link, servicer))
    error = await servicer.failed
    obeying.cancel()
    logger.error("the engine failed: %r", error)
    os._exit(1)


async def opened(
    launch: worker_pb2.Launch, send: Callable[[worker_pb2.Step], None], news: LoadNews
) -> tuple[WorkerServicer | MediaServicer, worker_pb2.Ready]:
    """Loads a model, and gives what answers its calls and what there is to know of it; `send` gets
    the steps, `news` how far the load is, in another thread. Raises EngineError."""
    if launch.trains:
        # What trains is needed by no other worker.
        from funland_worker.training.opening import opened_trainer  # noqa: PLC0415 - for training alone

        return await opened_trainer(launch, send)
    if launch.kind in KINDS:
        return await opened_media(launch, send, news)
    loaded = await loaded_model(launch, news)
    engine = loaded.engine
    renderer = await _renderer(loaded.facts)
    begin_mark = loaded.facts.begin_mark if loaded.facts.adds_begin_mark else ""
    servicer = WorkerServicer(
        engine,
        PromptReader(engine, renderer, begin_mark=begin_mark, media=loaded.media),
        launch.token,
        send,
        queue_limit=launch.queue_limit,
    )
    ready = worker_pb2.Ready(
        context_length=engine.context_length,
        slots=engine.slots,
        threads=engine.threads,
        can_chat=renderer is not None and engine.can_generate,
        vocabulary_size=engine.vocabulary_size,
        can_generate=engine.can_generate,
        can_rank=engine.can_rank,
        engine=engine.kind,
        device=engine.device,
        tokenizer=tokenizer_to_wire(loaded),
        can_see=loaded.media is not None and MediaKind.IMAGE in loaded.media.kinds,
        can_hear=loaded.media is not None and MediaKind.AUDIO in loaded.media.kinds,
    )
    ready.MergeFrom(loaded.told)
    return servicer, ready


async def _obey(link: Link, servicer: WorkerServicer | MediaServicer) -> None:
    try:
        async for command in link.commands():
            servicer.obey(command)
    except Exception:
        logger.exception("a command failed")
        os._exit(1)


async def loaded_model(launch: worker_pb2.Launch, news: LoadNews | None = None) -> Loaded:
    """Loads the model in a thread that ends then, on which `news` is told; raises EngineError.

    A thread that goes on keeps the threads that OpenMP gave it for rearranging weights. With those
    of the engine they are more than there are cores, and then OpenMP's threads sleep at every
    barrier in place of waiting: two cores write 20 tokens a second, and not 47.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="load") as thread:
        loaded = await asyncio.get_running_loop().run_in_executor(thread, load, launch, news)
    if launch.chat_template:
        facts = dataclasses.replace(loaded.facts, chat_template=launch.chat_template)
        return dataclasses.replace(loaded, facts=facts)
    return loaded


async def _renderer(model: ModelFacts) -> TemplateRenderer | None:
    """The renderer of the model's chat template, if it has one that compiles."""
    if model.chat_template is None:
        return None
    renderer = TemplateRenderer(
        model.chat_template, begin_mark=model.begin_mark, end_mark=model.end_mark
    )
    try:
        await renderer.check()
    except EngineError as error:
        if error.reason == ErrorReason.TEMPLATE_LIMIT:
            # It may fit another time, on a less busy machine: let the call say so.
            return renderer
        logger.warning("the chat template is of no use: %s", error.message)
        return None
    return renderer


def _say_progress(progress: worker_pb2.LoadProgress) -> None:
    _say(worker_pb2.Handshake(progress=progress))


def _say(handshake: worker_pb2.Handshake) -> None:
    line = json_format.MessageToJson(handshake, indent=None)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _end_with_input(socket: Path) -> None:
    """Waits for the end of standard input, then ends and removes the socket's folder: a server that
    was killed can't."""
    # Past Python's buffer, whose lock a thread that waits here would hold for ever.
    while os.read(sys.stdin.fileno(), 65536):
        pass
    with contextlib.suppress(OSError):
        socket.unlink(missing_ok=True)
        socket.parent.rmdir()
    os._exit(0)


if __name__ == "__main__":
    main()

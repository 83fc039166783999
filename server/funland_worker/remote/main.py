"""A worker on another machine than its server's: `python -m funland_worker.remote.main`.

It reads a `Listen` from its standard input, listens, and writes a `Listening` to its standard
output; all else goes over the connection that the server then opens. It ends when its standard
input does, or the server has gone: at once, whatever it does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import grpc
import grpc.aio
import platformdirs
from google.protobuf import json_format

from funland.worker.v1 import remote_pb2, remote_pb2_grpc, worker_pb2
from funland_worker.engines.load_news import LoadNews
from funland_worker.limits import limit_memory
from funland_worker.main import OPTIONS, opened
from funland_worker.media.servicer import MediaServicer
from funland_worker.remote.answers import Answers
from funland_worker.remote.certificate import own_certificate
from funland_worker.remote.runs import run_folder
from funland_worker.remote.servicer import Obey, RemoteServicer, Say, Send
from funland_worker.remote.weights import Weights
from funland_worker.servicer import WorkerServicer

logger = logging.getLogger(__name__)

_OPTIONS = [
    *OPTIONS,
    ("grpc.so_reuseport", 0),
    # A machine that is gone closes no connection: whoever does not answer a ping is taken for gone.
    ("grpc.keepalive_time_ms", 2000),
    ("grpc.keepalive_timeout_ms", 5000),
    ("grpc.http2.ping_timeout_ms", 5000),  # without it a ping may be a minute without an answer
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # The server does the same, and is not to be taken for one that pings too much.
    ("grpc.http2.max_ping_strikes", 0),
]


def main() -> None:
    """Serves one model until the server lets go of it."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    # Standard output is for one message: what native code prints there goes to the log instead.
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    listen = json_format.Parse(sys.stdin.readline(), remote_pb2.Listen())
    folder = Path(listen.weights_folder or platformdirs.user_cache_dir("funland", appauthor=False))
    own = Path(
        os.environ.get("FUNLAND_HOME") or platformdirs.user_data_dir("funland", appauthor=False)
    )
    weights = Weights(folder / "weights", listen.weights_limit_bytes, own / "blobs")
    run = run_folder(folder / "weights")
    threading.Thread(target=_end_with_input, args=[run], daemon=True).start()
    asyncio.run(_serve(listen, weights, run))


async def _serve(listen: remote_pb2.Listen, weights: Weights, run: Path) -> None:
    answers = Answers()

    async def load(
        launch: worker_pb2.Launch, send: Send, say: Say
    ) -> tuple[Obey, worker_pb2.Ready]:
        limit_memory(launch.memory_limit_bytes)
        servicer, ready = await opened(launch, send, LoadNews(say))
        answers.begin(servicer)
        failing.append(asyncio.create_task(_watch(servicer, run)))
        return servicer.obey, ready

    failing: list[asyncio.Task[None]] = []
    servicer = RemoteServicer(weights, run, load, lambda: _leave(run, 0))
    key, certificate = own_certificate()
    server = grpc.aio.server(handlers=[answers], options=_OPTIONS)
    remote_pb2_grpc.add_RemoteServiceServicer_to_server(servicer, server)
    port = server.add_secure_port(
        _address(listen.host),
        grpc.ssl_server_credentials(
            [(key, certificate)],
            root_certificates=listen.server_certificate.encode(),
            require_client_auth=True,
        ),
    )
    await server.start()
    told = remote_pb2.Listening(port=port, certificate=certificate.decode(), pid=os.getpid())
    sys.stdout.write(json_format.MessageToJson(told, indent=None) + "\n")
    sys.stdout.flush()
    try:
        async with asyncio.timeout(listen.patience_seconds):
            await servicer.running.wait()
    except TimeoutError:
        logger.error("the server did not come")
        _leave(run, 1)
    await server.wait_for_termination()


def _address(host: str) -> str:
    return f"[{host}]:0" if ":" in host else f"{host}:0"


async def _watch(servicer: WorkerServicer | MediaServicer, run: Path) -> None:
    error = await servicer.failed
    logger.error("the engine failed: %r", error)
    _leave(run, 1)


def _end_with_input(run: Path) -> None:
    """Waits for the end of standard input, past Python's buffer, whose lock a thread that waits
    here would hold for ever."""
    while os.read(sys.stdin.fileno(), 65536):
        pass
    _leave(run, 0)


def _leave(run: Path, code: int) -> None:
    shutil.rmtree(run, ignore_errors=True)
    os._exit(code)


if __name__ == "__main__":
    main()

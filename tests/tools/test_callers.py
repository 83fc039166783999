"""The callers of `make bench` see what other clients of the service see."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import closing, contextmanager
from itertools import pairwise
from threading import Thread

import pytest

from tests.conftest import Stack
from tools.bench.callers import GrpcCaller, HttpCaller
from tools.bench.http1 import post_all
from tools.bench.http2 import GrpcConnection
from tools.bench.probe import Measured

MODEL = "funland-tiny"


@contextmanager
def caller(kind: str, stack: Stack, model: str = MODEL) -> Generator[Measured]:
    if kind == "grpc":
        with closing(GrpcCaller(stack.grpc_address, model)) as grpc:
            yield grpc
    else:
        yield HttpCaller(stack.http_url, model)


@pytest.mark.parametrize("kind", ["grpc", "http"])
async def test_a_wave_tells_when_every_piece_of_every_answer_came(kind: str, stack: Stack) -> None:
    with caller(kind, stack) as asked:
        for texts in (["Once upon a time"] * 3, ["A fox"]):  # one wave after another
            calls = await asked.wave(texts, 16)

            assert len(calls) == len(texts)
            for call in calls:
                assert call.tokens == 16
                assert 1 <= len(call.arrivals) <= 16
                times = [call.start, *call.arrivals]
                assert all(earlier <= later for earlier, later in pairwise(times))


@pytest.mark.parametrize(("kind", "says"), [("grpc", "'grpc-status': '5'"), ("http", "404")])
async def test_a_call_that_fails_ends_the_measurement(kind: str, says: str, stack: Stack) -> None:
    with caller(kind, stack, "no-such-model") as asked, pytest.raises(RuntimeError, match=says):
        await asked.wave(["Once"], 4)


def test_a_server_that_hangs_up_ends_the_measurement() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=hang_up, args=[listener])
        thread.start()

        with pytest.raises(ConnectionError):
            GrpcConnection(f"127.0.0.1:{listener.getsockname()[1]}", 10)
        thread.join()


def test_a_server_that_says_nothing_ends_the_measurement() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(TimeoutError):
        post_all(f"http://127.0.0.1:{listener.getsockname()[1]}/", [b"{}"], 0.1)


def hang_up(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with closing(connection):
        connection.recv(1)

"""Envoy's configuration keeps from the service what no honest client does."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import aiohttp
import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

from tests.envoy.conftest import Front

SECONDS = 10.0
HEAD = [(":method", "POST"), (":path", "/v1/chat/completions"), (":scheme", "http"), (":authority", "localhost")]  # fmt: skip  # noqa: E501


class Connection:
    """One of HTTP/2, frame by frame."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.http: Any = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.http.initiate_connection()

    def send(self) -> None:
        """Sends what was said since."""
        self._line.sendall(self.http.data_to_send())

    def events(self) -> Iterator[h2.events.Event]:
        """What comes, until Envoy closes the line; fails if nothing comes for some seconds."""
        with suppress(ConnectionError):
            while data := self._line.recv(1 << 16):
                yield from self.http.receive_data(data)


@contextmanager
def connected(front: Front) -> Generator[Connection]:
    host, _, port = front.place.rpartition(":")
    with socket.create_connection((host, int(port)), SECONDS) as line:
        yield Connection(line)


def is_served(connection: Connection, stream: int) -> bool:
    """Whether a connection is answered."""
    head = [(":method", "GET"), (":path", "/health"), *HEAD[2:]]
    connection.http.send_headers(stream, head, end_stream=True)
    connection.send()
    answers = (e for e in connection.events() if isinstance(e, h2.events.ResponseReceived))
    return dict(next(answers).headers)[b":status"] == b"200"


def empty_pieces(http: Any) -> None:
    """A body of nothing, piece by piece."""
    http.send_headers(1, HEAD)
    for _ in range(10):
        http.send_data(1, b"")


def windows(http: Any) -> None:
    """Room for answers that nobody has asked for, bit by bit."""
    http.send_headers(1, HEAD)
    for _ in range(1000):
        http.increment_flow_control_window(1)


def priorities(http: Any) -> None:
    """What goes before what, again and again."""
    http.send_headers(1, HEAD)
    for _ in range(1000):
        http.prioritize(1, weight=7)


@pytest.mark.parametrize("flood", [empty_pieces, windows, priorities])
def test_a_flood_ends_its_connection_and_nobody_elses(
    front: Front, flood: Callable[[Any], None]
) -> None:
    with connected(front) as honest, connected(front) as other:
        assert is_served(honest, 1)

        flood(other.http)
        other.send()

        for event in other.events():
            assert not isinstance(event, h2.events.ResponseReceived)
        assert is_served(honest, 3)


def test_a_connection_has_a_hundred_streams(front: Front) -> None:
    with connected(front) as connection:
        assert is_served(connection, 1)

        limit = connection.http.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS]

        assert limit == 100


async def test_a_head_has_a_hundred_fields(front: Front) -> None:
    many = {f"x-{number}": "1" for number in range(100)}
    async with aiohttp.ClientSession(front.url) as http:
        async with http.get("/health", headers=many) as refused:
            assert refused.status == 431
        async with http.get("/health") as answered:
            assert answered.status == 200

"""Pings keep a quiet stream alive, and a flood of them ends its connection."""

from __future__ import annotations

import asyncio

import h2.config
import h2.connection
import pytest
from h2.errors import ErrorCodes

from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.rpc import grpc_server
from tests.server.conftest import SECONDS

_RST_STREAM, _PING, _GOAWAY = 3, 6, 7  # RFC 9113, 6
_ACK = 1

CLIENTS_SECONDS = 10.0
"""Most libraries ping no more often, whatever they are told."""
APART = 0.3


class Pinging:
    """An HTTP/2 connection whose pings the test sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        config = h2.config.H2Configuration(client_side=True)
        self._connection = h2.connection.H2Connection(config)

    def watch_models(self) -> None:
        """Opens a stream on which nothing comes for as long as no model changes."""
        self._connection.initiate_connection()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/funland.v1.ModelService/WatchModels"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        self._connection.send_headers(1, headers)
        self._connection.send_data(1, bytes(5), end_stream=True)  # an empty message
        self._send()

    async def ping(self) -> int | None:
        """Sends a ping and waits for its answer, or for the error that ends the connection."""
        self._connection.ping(b"12345678")
        self._send()
        while True:
            head = await self._reader.readexactly(9)
            frame = await self._reader.readexactly(int.from_bytes(head[:3]))
            kind, flags = head[3], head[4]
            assert kind != _RST_STREAM
            if kind == _GOAWAY:
                return int.from_bytes(frame[4:8])
            if kind == _PING and flags & _ACK:
                return None

    def _send(self) -> None:
        self._writer.write(self._connection.data_to_send())


def test_the_pings_of_ordinary_clients_are_far_enough_apart() -> None:
    assert grpc_server.PING_SECONDS <= CLIENTS_SECONDS / 2


# As long as the stream's first messages are sent, no ping is one too many.
@pytest.mark.parametrize(
    ("pings", "apart", "ended"), [(10, APART, None), (1000, 0.0, ErrorCodes.ENHANCE_YOUR_CALM)]
)
async def test_pings_are_answered_as_long_as_they_are_no_flood(
    settings: ServerSettings,
    monkeypatch: pytest.MonkeyPatch,
    pings: int,
    apart: float,
    ended: ErrorCodes | None,
) -> None:
    monkeypatch.setattr(grpc_server, "PING_SECONDS", APART / 2)
    server = Server(settings)
    await server.start()
    host, _, port = server.address.rpartition(":")

    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(host, int(port))
        pinging = Pinging(reader, writer)
        pinging.watch_models()
        code: int | None = None
        for _ in range(pings):
            if code is None:
                code = await pinging.ping()
                await asyncio.sleep(apart)  # what is tested: how far apart they are
        writer.close()
    await server.stop(0)

    assert code == ended

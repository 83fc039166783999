"""Notes what comes over connections and when, and reads none of it meanwhile.

A caller that reads its answers as they come takes cores from what it measures, up to one percent of
its speed (docs/benchmarks.md). What this one noted is read after the wave.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

_READ_BYTES = 1 << 14


class Chunk(NamedTuple):
    """Bytes, and when they came, by `perf_counter`. No bytes: the other side sends no more."""

    at: float
    data: bytes


def connect(netloc: str, timeout: float) -> socket.socket:
    """Connects to host:port."""
    host, _, port = netloc.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def record(
    connections: Sequence[socket.socket],
    is_last: Callable[[bytes], bool],
    timeout: float,
) -> list[list[Chunk]]:
    """Notes each connection's chunks until its last one; raises TimeoutError if none comes for so
    many seconds, and ConnectionError if a connection ends before."""
    recordings: list[list[Chunk]] = [[] for _ in connections]
    with selectors.DefaultSelector() as selector:
        for connection, recording in zip(connections, recordings, strict=True):
            connection.setblocking(False)  # else each reading asks whether there is something
            selector.register(connection, selectors.EVENT_READ, (connection, recording))
        while selector.get_map():
            if not (ready := selector.select(timeout)):
                raise TimeoutError(f"nothing came for {timeout} seconds")
            for key, _ in ready:
                connection, recording = key.data
                data = connection.recv(_READ_BYTES)
                recording.append(Chunk(perf_counter(), data))
                if is_last(data):
                    selector.unregister(connection)
                elif not data:
                    raise ConnectionError("a connection was closed before its answer was complete")
    return recordings

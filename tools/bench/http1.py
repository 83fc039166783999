"""A wave of streamed HTTP requests, each on a connection of its own, read after the wave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlsplit

import h11

from tools.bench.recording import Chunk, connect, record

_OK = 200


class Line(NamedTuple):
    """A line of an answer's body without its end, which the last may lack, and when it came."""

    at: float
    text: bytes


def post_all(
    url: str, bodies: Sequence[bytes], timeout: float
) -> tuple[float, list[Iterator[Line]]]:
    """Posts JSON, all at once. Tells when it began, and each answer's lines.

    Reading an answer raises RuntimeError unless its status is 200 and its body complete.
    """
    where = urlsplit(url)
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(connect(where.netloc, timeout))) for _ in bodies]
        parsers = [h11.Connection(h11.CLIENT) for _ in bodies]
        requests = [
            _request(parser, where.netloc, where.path, body)
            for parser, body in zip(parsers, bodies, strict=True)
        ]
        start = perf_counter()
        for connection, request in zip(sockets, requests, strict=True):
            connection.sendall(request)
        recordings = record(sockets, lambda data: not data, timeout)
    return start, [
        _lines(parser, chunks) for parser, chunks in zip(parsers, recordings, strict=True)
    ]


def _request(parser: h11.Connection, host: str, path: str, body: bytes) -> bytes:
    headers = {
        "host": host,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",  # the end of the answer is then to be seen without reading it
    }
    parts = [
        parser.send(h11.Request(method="POST", target=path, headers=list(headers.items()))),
        parser.send(h11.Data(data=body)),
        parser.send(h11.EndOfMessage()),
    ]
    return b"".join(part or b"" for part in parts)


def _lines(parser: h11.Connection, chunks: Sequence[Chunk]) -> Iterator[Line]:
    pending = b""
    status = None
    for chunk in chunks:
        parser.receive_data(chunk.data)
        while (event := parser.next_event()) is not h11.NEED_DATA:
            match event:
                case h11.Response():
                    status = event.status_code
                case h11.Data():
                    *whole, pending = (pending + event.data).split(b"\n")
                    if status == _OK:
                        yield from (Line(chunk.at, line) for line in whole)
                case h11.EndOfMessage() if status == _OK:
                    if pending:
                        yield Line(chunk.at, pending)
                    return
                case _:
                    raise RuntimeError(f"a call failed: {status} {pending.decode()}")
    raise RuntimeError("an answer was not complete")

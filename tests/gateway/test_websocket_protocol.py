"""The WebSocket protocol, by Autobahn's cases through the gateway's own sockets."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import Message
from kosoku import FailureError, _caseindex, run_fuzzingclient

from funland.v1.downloads_pb2 import DownloadEvent, WatchDownloadsRequest
from funland.v1.errors_pb2 import Error
from funland_gateway import app
from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.dialect import Dialect, Envelope, Incoming, Route, WebSocket
from funland_gateway.dialects.rpcs import WATCH_DOWNLOADS
from funland_gateway.talk import Binary

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway

LEFT_OUT = ["9.*", "12.*", "13.*"]
"""Megabytes in one message, and all forms of compression: minutes, and aiohttp's own business."""
MISSED = {
    # A close frame with 1006, which none may hold, is answered by 1000 and not by 1002: aiohttp.
    "7.9.5",
}
CASES = 247


class Patient:
    """The connection of one of Autobahn's cases, which gives the server a minute in place of the
    half second or the second of most cases: a busy machine may take that."""

    def __init__(self, connection: Any) -> None:
        object.__setattr__(self, "_connection", connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._connection, name, value)

    def killAfter(self, _: float) -> None:
        self._connection.killAfter(60)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    _caseindex.initialize_shims()
    case: Any = importlib.import_module("case").Case
    begin = case.__init__

    def with_patience(self: Any, connection: Any) -> None:
        begin(self, Patient(connection))

    monkeypatch.setattr(case, "__init__", with_patience)


class Echo:
    """Says again what it hears; see `Talk`."""

    def tell(self, event: Any) -> Iterable[bytes]:
        return []

    def hear(self, said: str | bytes, now: int) -> Iterable[bytes | Message]:
        return [said.encode() if isinstance(said, str) else Binary(said)]

    def beat(self, now: int) -> bytes | None:
        return None

    def end(self, now: int) -> bytes | None:
        return None

    def fail(self, error: Error, now: int) -> bytes:
        return error.message.encode()


def echo(_: Incoming) -> WebSocket:
    return WebSocket(WATCH_DOWNLOADS, WatchDownloadsRequest(), Echo())


ECHO = Dialect(
    name="echo",
    prefixes=(),
    routes=(Route("GET", "/echo", echo, "Says again what it hears.", "echo", upgrades=True),),
    envelope=Envelope(failure=str, stream_failure=str),
)


@pytest.mark.usefixtures("patient")
async def test_autobahns_cases_pass(
    start_gateway: StartGateway, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_ever(_: WatchDownloadsRequest, __: Any) -> AsyncIterator[DownloadEvent]:
        await asyncio.Event().wait()
        yield DownloadEvent()

    answers["WatchDownloads"] = nothing_ever
    monkeypatch.setattr(app, "DIALECTS", (*DIALECTS, ECHO))
    gateway = await start_gateway()
    address = f"{gateway.url.replace('http', 'ws')}/echo"

    with pytest.raises(FailureError) as failed:
        await run_fuzzingclient(address, None, LEFT_OUT, concurrency=4)

    results = failed.value.results
    assert {each.case_id for each in results if not each.passed} == MISSED
    assert len(results) == CASES

"""A login that expires is made new once, and all calls that it was refused to are made again."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from funland.v1.auth_pb2 import CreateTokenRequest, CurrentUser, Token, User
from funland.v1.datasets_pb2 import Dataset, DatasetEvent, WatchDatasetRequest
from funland.v1.files_pb2 import File, UploadFileRequest
from funland.v1.inference_pb2 import Delta, Finish, GenerationEvent
from funland.v1.models_pb2 import ListModelsResponse, Model
from funland.v1.sessions_pb2 import ConverseRequest, Session, SessionEvent
from funland.v1.speech_pb2 import TranscribeLiveRequest, TranscriptEvent, TranscriptFinish
from funland_client import AsyncFunland, AsyncTranscriptStream, Funland
from funland_client.errors import (
    CredentialsExpiredError,
    CredentialsInvalidError,
    CredentialsMissingError,
    FunlandError,
)
from funland_client.kept_logins import KeptLogin, KeptLogins
from funland_client.replayed import KEPT_BYTES
from tests.scripted_server import Refusal, ScriptedServer, serving

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
CONTENT = b"what is kept " * 1000
SOUND = [b"one!", b"two!", b"six!"]


class Accounts:
    """A login at a scripted server: what it refuses, and what was refreshed."""

    def __init__(self, server: ScriptedServer) -> None:
        self._lock = threading.Lock()
        self.counts = "token-1"
        """The token that counts."""
        self.used: list[str] = []
        self.refused = 0
        self.is_over = False
        server.answers["CreateToken"] = self.token
        server.gate = self.gate

    def expire(self) -> None:
        """Has the token expire that counts."""
        with self._lock:
            self.counts = "the next"

    def token(self, request: CreateTokenRequest) -> Token:
        with self._lock:
            refresh_token = request.refresh_token
            if self.is_over or refresh_token in self.used:
                raise Refusal(UNAUTHENTICATED, "CREDENTIALS_INVALID", "Log in again.")
            self.used.append(refresh_token)
            self.counts = f"token-{len(self.used) + 1}"
            return Token(access_token=self.counts, refresh_token=f"flr_{len(self.used) + 1}")

    def gate(self, name: str, authorization: str) -> None:
        if name == "CreateToken":
            return
        with self._lock:
            if not authorization:
                raise Refusal(UNAUTHENTICATED, "CREDENTIALS_MISSING", "Who is it?")
            if authorization != f"Bearer {self.counts}":
                self.refused += 1
                raise Refusal(UNAUTHENTICATED, "CREDENTIALS_EXPIRED", "It has expired.")


def generate(_: Any) -> Iterator[GenerationEvent]:
    yield GenerationEvent(delta=Delta(text="Hi."))
    yield GenerationEvent(finish=Finish())


def upload(requests: Iterable[UploadFileRequest]) -> Iterator[File]:
    content = b"".join(request.data for request in requests)
    yield File(file_id="f", sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def live(requests: Iterable[TranscribeLiveRequest]) -> Iterator[TranscriptEvent]:
    config, *sound = requests
    assert config.HasField("config")
    text = b"".join(part.audio for part in sound).decode()
    yield TranscriptEvent(finish=TranscriptFinish(text=text))


def converse(requests: Iterable[ConverseRequest]) -> Iterator[SessionEvent]:
    for request in requests:
        if request.HasField("open"):
            yield SessionEvent(session=Session(session_id="s"))
        elif request.HasField("ping"):
            event = SessionEvent(reference=request.reference)
            event.pong.SetInParent()
            yield event


@contextmanager
def accounts() -> Generator[tuple[ScriptedServer, Accounts]]:
    """A server whose login is kept, and has expired."""
    with serving(
        ListModels=ListModelsResponse(models=[Model(model_id="m")]),
        StreamGenerate=generate,
        UploadFile=upload,
        TranscribeLive=live,
        Converse=converse,
        GetCurrentUser=CurrentUser(user=User(username="ada")),
    ) as server:
        login = Accounts(server)
        logins = KeptLogins()
        with logins.locked():
            logins.put(server.address, KeptLogin("ada", "token-1", "flr_1"))
        login.expire()
        yield server, login


def _converse(client: Funland) -> str:
    with client.sessions.converse("s") as stream:
        stream.ping()
        kinds = [next(stream).WhichOneof("event") for _ in range(2)]
    return " ".join(map(str, kinds))


def _live(client: Funland) -> str:
    with client.speech.transcribe_live(iter(SOUND)) as stream:
        list(stream)
    return stream.text


BLOCKING: dict[str, Callable[[Funland], str]] = {
    "unary": lambda client: client.models.list()[0].model_id,
    "a stream of answers": lambda client: "".join(client.stream_generate("Hi")),
    "a stream of requests": lambda client: client.files.upload(CONTENT).sha256,
    "both ways": _live,
    "a conversation": _converse,
}


async def _async_converse(client: AsyncFunland) -> str:
    async with client.sessions.converse("s") as stream:
        stream.ping()
        kinds = [(await anext(stream)).WhichOneof("event") for _ in range(2)]
    return " ".join(map(str, kinds))


async def _async_live(client: AsyncFunland) -> str:
    async def sound() -> AsyncIterator[bytes]:
        for part in SOUND:
            yield part

    async with client.speech.transcribe_live(sound()) as stream:
        await drained(stream)
    return stream.text


async def _async_list(client: AsyncFunland) -> str:
    return (await client.models.list())[0].model_id


async def _async_generate(client: AsyncFunland) -> str:
    return "".join([piece async for piece in client.stream_generate("Hi")])


async def _async_upload(client: AsyncFunland) -> str:
    return (await client.files.upload(CONTENT)).sha256


ASYNCHRONOUS: dict[str, Callable[[AsyncFunland], Awaitable[str]]] = {
    "unary": _async_list,
    "a stream of answers": _async_generate,
    "a stream of requests": _async_upload,
    "both ways": _async_live,
    "a conversation": _async_converse,
}
EXPECTED = {
    "unary": "m",
    "a stream of answers": "Hi.",
    "a stream of requests": hashlib.sha256(CONTENT).hexdigest(),
    "both ways": "one!two!six!",
    "a conversation": "session pong",
}


@pytest.mark.parametrize("kind", EXPECTED)
async def test_a_call_of_each_kind_is_made_again_when_the_login_was_refreshed(kind: str) -> None:
    with accounts() as (server, login):
        async with AsyncFunland(server.address, retries=0, timeout=120) as client:
            assert await ASYNCHRONOUS[kind](client) == EXPECTED[kind]
            assert (login.used, login.refused) == (["flr_1"], 1)
            assert await ASYNCHRONOUS[kind](client) == EXPECTED[kind]
        assert (login.used, login.refused) == (["flr_1"], 1)
        assert KeptLogins().get(server.address) == KeptLogin("ada", "token-2", "flr_2")


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_blocking_call_is_so_too(kind: str) -> None:
    with accounts() as (server, login):
        with Funland(server.address, retries=0, timeout=120) as client:
            assert BLOCKING[kind](client) == EXPECTED[kind]
            assert (login.used, login.refused) == (["flr_1"], 1)
            assert BLOCKING[kind](client) == EXPECTED[kind]
        assert (login.used, login.refused) == (["flr_1"], 1)
        assert KeptLogins().get(server.address) == KeptLogin("ada", "token-2", "flr_2")


async def test_many_calls_at_once_are_one_refresh() -> None:
    with accounts() as (server, login):
        async with AsyncFunland(server.address, retries=0) as client:
            calls = [ASYNCHRONOUS["unary"](client) for _ in range(40)]
            assert await asyncio.gather(*calls) == ["m"] * 40
        assert login.used == ["flr_1"]


def test_many_threads_and_clients_at_once_are_one_refresh() -> None:
    with accounts() as (server, login), ThreadPoolExecutor(12) as threads:
        clients = [Funland(server.address, retries=0) for _ in range(3)]
        started = threading.Barrier(12)

        def call(number: int) -> str:
            started.wait()
            return BLOCKING["unary"](clients[number % 3])

        assert list(threads.map(call, range(12))) == ["m"] * 12
        assert login.used == ["flr_1"]
        for client in clients:
            client.close()


@pytest.mark.parametrize("kind", EXPECTED)
async def test_a_login_that_is_over_is_said_once_and_stays(kind: str) -> None:
    with accounts() as (server, login):
        login.is_over = True
        async with AsyncFunland(server.address, timeout=120) as client:
            with pytest.raises(CredentialsInvalidError, match="Log in again"):
                await ASYNCHRONOUS[kind](client)
        assert login.refused == 1
        assert KeptLogins().get(server.address) == KeptLogin("ada", "token-1", "flr_1")


async def test_a_token_that_expires_at_once_is_not_refreshed_for_ever() -> None:
    with accounts() as (server, login):

        def useless(request: CreateTokenRequest) -> Token:
            token = login.token(request)
            login.expire()
            return token

        server.answers["CreateToken"] = useless
        async with AsyncFunland(server.address, retries=5) as client:
            with pytest.raises(CredentialsExpiredError):
                await client.models.list()
        assert login.used == ["flr_1"]


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_key_that_expired_is_the_last_word(kind: str) -> None:
    with accounts() as (server, login):
        with (
            Funland(server.address, key="token-1", timeout=120) as client,
            pytest.raises(CredentialsExpiredError),
        ):
            BLOCKING[kind](client)
        assert (login.used, login.refused) == ([], 1)


async def test_an_empty_key_sends_nothing() -> None:
    with accounts() as (server, _):
        async with AsyncFunland(server.address, key="") as client:
            with pytest.raises(CredentialsMissingError):
                await client.models.list()


def test_what_was_sent_too_far_is_not_sent_again() -> None:
    """A server that reads before it refuses: what is kept for another call has a bound."""
    with accounts() as (server, login):

        def late(requests: Iterable[UploadFileRequest]) -> Iterator[File]:
            read = 0
            for request in requests:
                read += len(request.data)
                if read > KEPT_BYTES:
                    login.gate("UploadFile", "Bearer token-1")
            return iter(())

        server.answers["UploadFile"] = late
        server.gate = lambda _name, _authorization: None
        with Funland(server.address) as client, pytest.raises(CredentialsExpiredError):
            client.files.upload(bytes(2 * KEPT_BYTES))
        assert login.used == ["flr_1"]


async def test_what_breaks_while_it_is_read_is_raised_though_the_login_had_expired() -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise RuntimeError("the disk is gone")

    with accounts() as (server, _):
        async with AsyncFunland(server.address) as client:
            with pytest.raises((RuntimeError, FunlandError)) as raised:
                await client.files.upload(broken())
        with Funland(server.address) as blocking, pytest.raises(RuntimeError, match="disk"):
            blocking.files.upload(broken())

    assert "disk" in str(raised.value)


async def test_a_call_that_is_cancelled_does_not_lose_the_login() -> None:
    with accounts() as (server, login):
        asked, go_on = threading.Event(), threading.Event()

        def slow(request: CreateTokenRequest) -> Token:
            asked.set()
            go_on.wait(120)
            return login.token(request)

        server.answers["CreateToken"] = slow
        async with AsyncFunland(server.address) as client:
            call = asyncio.create_task(client.models.list())
            await asyncio.to_thread(asked.wait, 30)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            go_on.set()
            assert (await client.models.list())[0].model_id == "m"
        assert login.used == ["flr_1"]
        assert KeptLogins().get(server.address) == KeptLogin("ada", "token-2", "flr_2")


@pytest.mark.parametrize("expired", [True, False])
async def test_a_live_stream_that_is_closed_while_it_waits_for_sound_leaves_nothing(
    expired: bool,
) -> None:
    ended, came = asyncio.Event(), threading.Event()

    async def silence() -> AsyncIterator[bytes]:
        try:
            yield b"one!"
            await asyncio.Event().wait()
        finally:
            ended.set()

    def listening(requests: Iterable[TranscribeLiveRequest]) -> Iterator[TranscriptEvent]:
        for request in requests:
            if request.audio:
                came.set()
        return iter(())

    with accounts() as (server, login):
        server.answers["TranscribeLive"] = listening
        if not expired:
            login.counts = "token-1"
        async with AsyncFunland(server.address) as client:
            stream = client.speech.transcribe_live(silence())
            reading = asyncio.create_task(drained(stream))
            assert await asyncio.to_thread(came.wait, 30)
            await stream.close()
            await asyncio.wait_for(ended.wait(), 120)
            assert await reading == []


async def drained(stream: AsyncTranscriptStream) -> list[str]:
    return [piece async for piece in stream]


async def test_what_is_followed_goes_on_when_its_login_expires_amid_it() -> None:
    with accounts() as (server, login):

        def watch(_: WatchDatasetRequest) -> Iterator[DatasetEvent]:
            if login.used == ["flr_1"]:
                yield DatasetEvent(dataset=Dataset(status=Dataset.PREPARING))
                login.expire()
                raise Refusal(UNAUTHENTICATED, "CREDENTIALS_EXPIRED", "It has expired.")
            yield DatasetEvent(dataset=Dataset(status=Dataset.READY))

        server.answers["WatchDataset"] = watch
        async with AsyncFunland(server.address, retries=0) as client:
            states = [dataset.status async for dataset in client.datasets.follow("d")]

    assert states == [Dataset.PREPARING, Dataset.READY]
    assert login.used == ["flr_1", "flr_2"]


async def test_a_conversation_goes_on_when_its_login_expires_amid_it() -> None:
    with accounts() as (server, login):

        def ends(requests: Iterable[ConverseRequest]) -> Iterator[SessionEvent]:
            yield SessionEvent(session=Session(session_id="s"))
            if login.used == ["flr_1"]:
                login.expire()
                raise Refusal(UNAUTHENTICATED, "CREDENTIALS_EXPIRED", "It has expired.")
            yield from converse(requests)

        server.answers["Converse"] = ends
        async with (
            AsyncFunland(server.address, retries=0) as client,
            client.sessions.converse("s") as stream,
        ):
            kinds = [(await anext(stream)).WhichOneof("event") for _ in range(2)]

    assert kinds == ["session"] * 2
    assert login.used == ["flr_1", "flr_2"]

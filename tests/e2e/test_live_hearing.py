"""What is said is written down while it is said: the same over gRPC, inside the process and over
WebSockets, by a real Whisper in its worker."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import numpy as np
import psutil
import pytest
import pytest_asyncio
from aiohttp import WSMsgType

from funland.v1.speech_pb2 import TranscribeLiveRequest, TranscribeRequest, TranscriptEvent
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.models.domain import Models
from funland_server.workers.pool import WorkerPool
from tests.e2e.live_wires import (
    KINDS,
    PATH,
    STATUS_LOST,
    Live,
    Refused,
    Wires,
    answer,
    config,
    said,
    sound,
    wires_to,
)
from tests.processes import children
from tests.server.conftest import until
from tests.worker.hearing.scenes import RATE, SENTENCES, Sound, cut, silence, spoken
from tests.worker.hearing.words import words

pytestmark = pytest.mark.asyncio(loop_scope="module")

TINY = "whisper-tiny.en"
SECONDS = 240
"""On a busy machine. Only what hangs takes so long."""
over_every_wire = pytest.mark.parametrize("kind", KINDS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wires(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wires]:
    home: Path = tmp_path_factory.mktemp("home")
    server = Server(ServerSettings(home=home, port=0))
    await server.start()
    async with wires_to(server) as wires:
        await answer(wires.to("inside"), said(config(model=TINY)))  # it is loaded
        yield wires
    await server.stop(0)


def worker() -> psutil.Process:
    """The process that hears."""
    (process,) = children()
    return process


def pcm(of: Sound) -> bytes:
    """Samples of 16 bits."""
    return (np.clip(of, -1, 1) * 32767).astype("<i2").tobytes()


def pieces(*parts: Sound) -> list[TranscribeLiveRequest]:
    """Messages of 100 ms."""
    return [sound(pcm(piece)) for piece in cut(np.concatenate(parts), [1600])]


def segments(events: list[TranscriptEvent]) -> list[list[str]]:
    return [words(each.segment.text) for each in events if each.HasField("segment")]


async def test_sentences_are_written_down_one_by_one(wires: Wires) -> None:
    spoken_ = [silence(0.3), spoken(SENTENCES[1]), silence(1), spoken(SENTENCES[3]), silence(1)]

    events = await answer(wires.to("gRPC"), said(config(model=TINY), *pieces(*spoken_)))

    assert events[0].start.model == TINY
    assert list(events[0].start.device_ids) == ["cpu_0"]
    assert segments(events) == [words(SENTENCES[1]), words(SENTENCES[3])]
    finish = events[-1].finish
    assert words(finish.text) == words(f"{SENTENCES[1]} {SENTENCES[3]}")
    assert finish.language == "en"
    assert finish.duration.ToMilliseconds() == sum(map(len, spoken_)) * 1000 // RATE


@over_every_wire
async def test_each_sentence_is_there_before_the_next_is_said(wires: Wires, kind: str) -> None:
    """The first ends by silence, the second by a flush."""
    heard: asyncio.Queue[None] = asyncio.Queue()

    async def speaking() -> AsyncGenerator[TranscribeLiveRequest]:
        yield config(model=TINY, partials=True)
        for piece in pieces(spoken(SENTENCES[3]), silence(1)):
            yield piece
        await heard.get()  # nothing more is said, nor that this was all
        for piece in pieces(spoken(SENTENCES[0])):
            yield piece
        yield TranscribeLiveRequest(flush=True)
        await heard.get()

    events: list[TranscriptEvent] = []
    async with asyncio.timeout(SECONDS), aclosing(wires.to(kind)(speaking())) as told:
        async for event in told:
            events.append(event)
            if event.HasField("segment"):
                heard.put_nowait(None)

    expected = [SENTENCES[3], "The train leaves the station at 9 in the morning."]
    assert segments(events) == [words(each) for each in expected]
    assert events[-1].HasField("finish")
    for event in events:
        if event.HasField("partial"):
            partial = words(event.partial.text)
            assert partial == segments(events)[event.partial.segment_id][: len(partial)]


WRONG: dict[str, tuple[list[TranscribeLiveRequest], str, list[str]]] = {
    "nothing": ([], "FIELD_INVALID", ["config"]),
    "no config": ([sound(b"\0\0")], "FIELD_INVALID", ["config"]),
    "a flush first": ([TranscribeLiveRequest(flush=True)], "FIELD_INVALID", ["config"]),
    "two": ([config(model=TINY), config(model=TINY)], "FIELD_INVALID", ["config"]),
    "two, later": ([config(model=TINY), sound(b"\0\0"), config()], "FIELD_INVALID", ["config"]),
    "odd": ([config(model=TINY), sound(b"\0\0\0")], "FIELD_INVALID", ["audio"]),
    "a low rate": ([config(model=TINY, sample_rate=99)], "FIELD_INVALID", ["config.sample_rate"]),
    "a rate": ([config(model=TINY, sample_rate=-1)], "FIELD_INVALID", ["config.sample_rate"]),
    "a language": ([config(model=TINY, language="de")], "LANGUAGE_UNSUPPORTED", []),
    "no language": ([config(model=TINY, language="?")], "FIELD_INVALID", ["config.language"]),
    "translation": (
        [config(model=TINY, task=TranscribeRequest.TRANSLATE)], "LANGUAGE_UNSUPPORTED", []
    ),
    "a task": ([config(model=TINY, task=9)], "FIELD_INVALID", ["config.task"]),
    "a prompt": ([config(model=TINY, prompt="x" * 5000)], "FIELD_INVALID", ["config.prompt"]),
    "no model": ([config(model="nobody")], "MODEL_NOT_FOUND", []),
    "another's model": ([config(model="funland-tiny")], "MODEL_KIND_WRONG", []),
    "too much": ([config(model=TINY), sound(bytes(1048578))], "FIELD_INVALID", ["audio"]),
    "an empty message": ([TranscribeLiveRequest()], "FIELD_INVALID", ["config"]),
}  # fmt: skip


@over_every_wire
@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_is_named(wires: Wires, kind: str, wrong: str) -> None:
    messages, reason, fields = WRONG[wrong]
    pid = worker().pid

    async def speaking() -> AsyncGenerator[TranscribeLiveRequest]:
        for message in messages:
            yield message
        if messages and len(messages) > 1:
            await asyncio.Event().wait()  # the caller has more to say, and is not waited for

    with pytest.raises(Refused) as raised:
        await answer(wires.to(kind), speaking())

    assert raised.value.reason == reason
    assert raised.value.fields == fields
    assert worker().pid == pid


async def test_what_is_wrong_while_nobody_reads_is_told_who_reads_again(wires: Wires) -> None:
    """Over a network it takes luck: the message has to come while an event before it is sent."""
    started = asyncio.Event()
    listening: asyncio.Future[asyncio.Task[None]] = asyncio.get_running_loop().create_future()

    async def speaking() -> AsyncGenerator[TranscribeLiveRequest]:
        yield config(model=TINY)
        await started.wait()
        listener = asyncio.current_task()
        assert listener is not None
        listening.set_result(listener)
        yield config(model=TINY)

    async with asyncio.timeout(SECONDS), aclosing(wires.to("inside")(speaking())) as told:
        assert (await anext(told)).HasField("start")
        started.set()
        await asyncio.wait([await listening])  # it has been refused, and nobody reads
        with pytest.raises(Refused) as raised:
            await anext(told)

    assert raised.value.reason == "FIELD_INVALID"


@over_every_wire
async def test_a_caller_that_vanishes_ends_it(wires: Wires, kind: str) -> None:
    async def speaking() -> AsyncGenerator[TranscribeLiveRequest]:
        yield config(model=TINY)
        for piece in pieces(spoken(SENTENCES[3]), silence(1)):
            yield piece
        await asyncio.Event().wait()

    async with asyncio.timeout(SECONDS):
        async with aclosing(wires.to(kind)(speaking())) as told:
            assert (await anext(told)).HasField("start")
        await until(lambda: not pool(wires.server).calls)


def pool(server: Server) -> WorkerPool:
    """Which knows what calls are under way."""
    domains = server._domains  # pyright: ignore[reportPrivateUsage]  # nobody else tells
    return next(each for each in domains if isinstance(each, Models)).pool


async def test_ten_callers_are_heard_side_by_side(wires: Wires) -> None:
    parts = [spoken(SENTENCES[3]), silence(1)]

    answers = await asyncio.gather(
        *(
            answer(wires.to(KINDS[number % len(KINDS)]), said(config(model=TINY), *pieces(*parts)))
            for number in range(10)
        )
    )

    assert [segments(each) for each in answers] == [[words(SENTENCES[3])]] * 10


async def test_one_caller_more_than_there_may_be_is_refused_and_has_room_later(
    wires: Wires,
) -> None:
    done = asyncio.Event()

    async def waiting() -> AsyncGenerator[TranscribeLiveRequest]:
        yield config(model=TINY)
        await done.wait()

    async def first(events: AsyncGenerator[TranscriptEvent]) -> TranscriptEvent:
        return await anext(events)

    calls = [wires.to("inside")(waiting()) for _ in range(64)]
    async with asyncio.timeout(SECONDS):
        starts = await asyncio.gather(*map(first, calls))
        with pytest.raises(Refused) as raised:
            await answer(wires.to("gRPC"), said(config(model=TINY)))
        done.set()
        for each in calls:
            assert [event.WhichOneof("event") async for event in each] == ["finish"]
        again = await answer(wires.to("gRPC"), said(config(model=TINY)))

    assert all(each.HasField("start") for each in starts)
    assert raised.value.reason == "QUEUE_FULL"
    assert again[-1].HasField("finish")


async def test_a_caller_that_never_stops_does_not_fill_memory(wires: Wires) -> None:
    utterance = pcm(np.concatenate([spoken(SENTENCES[3]), silence(1)]))
    # What the engine sets aside for its first call is not what callers fill.
    await answer(wires.to("gRPC"), said(config(model=TINY), *[sound(utterance)] * 2))
    process = worker()
    before = process.memory_info().rss
    sent = 0

    async def speaking() -> AsyncGenerator[TranscribeLiveRequest]:
        nonlocal sent
        yield config(model=TINY)
        while True:
            sent += len(utterance)
            yield sound(utterance)

    heard = 0
    async with asyncio.timeout(SECONDS), aclosing(wires.to("gRPC")(speaking())) as told:
        async for event in told:
            heard += event.HasField("segment")
            if heard == 3:
                break

    assert sent < 24 << 20, "ten minutes and more were taken of who is heard for one"
    assert process.memory_info().rss - before < 64 << 20


async def test_a_worker_that_is_lost_ends_the_call_and_another_comes(wires: Wires) -> None:
    lost = asyncio.Event()

    async def speaking() -> AsyncGenerator[TranscribeLiveRequest]:
        yield config(model=TINY)
        for piece in pieces(spoken(SENTENCES[3]), silence(1)):
            yield piece
        await lost.wait()
        while True:
            await asyncio.sleep(0.01)
            yield sound(bytes(3200))

    async def hearing() -> None:
        async with asyncio.timeout(SECONDS), aclosing(wires.to("gRPC")(speaking())) as told:
            async for event in told:
                if event.HasField("segment"):
                    os.kill(worker().pid, signal.SIGKILL)
                    lost.set()

    with pytest.raises(Refused) as raised:
        await hearing()

    assert raised.value.reason == "WORKER_LOST"
    again = await answer(wires.to("gRPC"), said(config(model=TINY)))
    assert [each.WhichOneof("event") for each in again] == ["start", "finish"]


def any_message(chance: random.Random) -> TranscribeLiveRequest:
    """One of many that should not be, among some that may."""
    noise = chance.randbytes(chance.choice([0, 1, 2, 3, 640, 641, 3200, 9999]))
    return chance.choice(
        [
            TranscribeLiveRequest(),
            TranscribeLiveRequest(flush=True),
            TranscribeLiveRequest(flush=False),
            sound(noise),
            sound(noise),
            sound(bytes(len(noise))),
            config(model=TINY),
            config(model=TINY, sample_rate=chance.choice([0, 1, 3999, 4000, 8000, 44100, 192000])),
            config(model=TINY, sample_rate=chance.randint(-(2**31), 2**31 - 1)),
            config(
                model=TINY, language=chance.choice(["en", "de", "xx", "english", "?", "a" * 40])
            ),
            config(model=TINY, task=chance.randint(0, 5)),
            config(model=TINY, prompt="\0" * chance.randint(0, 5000)),
            config(model=TINY, word_timestamps=True, partials=True),
            config(model=chance.choice(["nobody", "funland-tiny", "\0", "a" * 300])),
        ]
    )


REASONS = {
    "FIELD_INVALID", "LANGUAGE_UNSUPPORTED", "MODEL_NOT_FOUND", "MODEL_KIND_WRONG",
}  # fmt: skip


async def outcome(live: Live, messages: list[TranscribeLiveRequest]) -> str:
    """How a call ends: `finish`, or why it is refused."""
    try:
        events = await answer(live, said(*messages))
    except Refused as error:
        return error.reason
    assert events[-1].HasField("finish")
    return "finish"


async def test_whatever_comes_in_whatever_order_is_answered_and_no_worker_is_lost(
    wires: Wires,
) -> None:
    chance = random.Random(20261129)  # noqa: S311 - the same each time
    pid = worker().pid
    outcomes: dict[str, int] = {}
    for number in range(500):
        messages = [any_message(chance) for _ in range(chance.randint(0, 6))]
        if number % 3 == 1:
            messages.insert(0, config(model=TINY))
        elif number % 3:
            messages = [config(model=TINY, language=chance.choice(["en", "de", "xx"]))]
        how = await outcome(wires.to(KINDS[number % len(KINDS)]), messages)
        outcomes[how] = outcomes.get(how, 0) + 1

    assert set(outcomes) - {STATUS_LOST} == {"finish", *REASONS}
    assert worker().pid == pid
    events = await answer(
        wires.to("gRPC"), said(config(model=TINY), *pieces(spoken(SENTENCES[3]), silence(1)))
    )
    assert segments(events) == [words(SENTENCES[3])]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", '{"audio": 7}', '{"audio": "&"}', '{"what": 1}', '{"flush": "x"}',
     '{"audio": "AA=="}', '{"end": 1}', '{"config": {}, "flush": true}', "\x00"],
)  # fmt: skip
async def test_texts_that_are_no_messages_end_a_websocket_in_words(wires: Wires, text: str) -> None:
    pid = worker().pid
    async with (
        asyncio.timeout(SECONDS),
        aiohttp.ClientSession(wires.gateway.url) as http,
        http.ws_connect(PATH) as socket,
    ):
        await socket.send_str('{"config": {"model": "whisper-tiny.en"}}')
        assert (await socket.receive()).type is WSMsgType.TEXT  # the start
        await socket.send_str(text)
        last = await socket.receive()
        while last.type is WSMsgType.TEXT and '"error"' not in last.data:
            last = await socket.receive()

    assert '"error"' in last.data
    assert worker().pid == pid

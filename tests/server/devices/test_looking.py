"""A reader that hangs or fails holds one thread and nobody else."""

from __future__ import annotations

import asyncio
import threading

from funland_server.devices.looking import Looking
from funland_server.devices.readers.protocol import ReaderError
from tests.server.conftest import SECONDS
from tests.server.devices.making import Scripted, card


def alive() -> int:
    return sum(thread.name == "devices-hanging" for thread in threading.enumerate())


async def ended(looking: Looking) -> None:
    async with asyncio.timeout(SECONDS):
        await looking.ended()


async def test_what_a_reader_finds_is_heard() -> None:
    heard: list[Looking] = []
    looking = Looking(Scripted("nvidia", card("0000:01:00.0")), heard.append)

    looking.begin()
    await ended(looking)

    assert heard == [looking]
    assert looking.look is not None
    assert [found.device.name for found in looking.look.found] == ["Card"]
    assert looking.problems == ()


async def test_a_reader_that_hangs_gets_no_second_thread() -> None:
    reader = Scripted("hanging")
    reader.free.clear()
    looking = Looking(reader, lambda _: None)

    for _ in range(5):
        looking.begin()
    await asyncio.to_thread(reader.asked.wait, SECONDS)

    assert (reader.looks, alive()) == (1, 1)
    assert looking.seconds > 0
    reader.free.set()
    await ended(looking)
    assert looking.seconds == 0


async def test_a_look_that_must_be_new_follows_the_one_under_way() -> None:
    reader = Scripted("nvidia")
    reader.free.clear()
    looking = Looking(reader, lambda _: None)
    looking.begin()
    await asyncio.to_thread(reader.asked.wait, SECONDS)

    looking.begin(anew=True)
    looking.begin(anew=True)
    reader.free.set()
    await ended(looking)

    assert reader.looks == 2


async def test_a_reader_s_error_is_its_problem() -> None:
    reader = Scripted("nvidia")
    reader.error = ReaderError("The driver is broken; mend it.")
    looking = Looking(reader, lambda _: None)

    looking.begin()
    await ended(looking)

    assert looking.look is None
    assert looking.problems == ("The driver is broken; mend it.",)


async def test_what_nobody_foresaw_is_told_without_its_text() -> None:
    reader = Scripted("nvidia")
    reader.error = OSError("/some/secret/path")
    looking = Looking(reader, lambda _: None)

    looking.begin()
    await ended(looking)

    assert looking.problems == ("It failed with OSError; the server's log has more.",)


async def test_a_reader_may_answer_again_after_it_failed() -> None:
    reader = Scripted("nvidia")
    reader.error = ReaderError("broken")
    looking = Looking(reader, lambda _: None)
    looking.begin()
    await ended(looking)

    reader.error = None
    looking.begin()
    await ended(looking)

    assert looking.problems == ()

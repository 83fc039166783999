"""A deployment's log: bounded, read from its end, followed, whole after a kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from funland.v1.deployments_pb2 import LogLine
from funland_server.deployments.log import DeploymentLog
from funland_server.deployments.log_file import LogFile
from funland_server.errors import ServerStoppingError


def log_in(folder: Path, limit: int = 1 << 20) -> DeploymentLog:
    return DeploymentLog(LogFile(folder, limit))


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


async def taken(lines: AsyncGenerator[LogLine], count: int) -> list[LogLine]:
    async with asyncio.timeout(120):
        return [await anext(lines) for _ in range(count)]


async def test_the_last_lines_are_read(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    for number in range(5):
        log.write(f"line {number}", "warning" if number == 4 else "info", replica=1)
    log.write("of the server")

    lines = await log.tail(3)

    assert texts(lines) == ["line 3", "line 4", "of the server"]
    assert [line.number for line in lines] == [4, 5, 6]
    assert [line.level for line in lines] == ["info", "warning", "info"]
    assert [line.HasField("replica") for line in lines] == [True, True, False]
    assert lines[0].time.ToMicroseconds() <= lines[1].time.ToMicroseconds()
    assert await log.tail(0) == []


async def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    first = log_in(tmp_path / "log")
    first.write("before")
    await first.closed()

    second = log_in(tmp_path / "log")
    await second.open()
    second.write("after")

    assert [(line.number, line.text) for line in await second.tail(9)] == [
        (1, "before"), (2, "after"),
    ]  # fmt: skip


async def test_a_line_that_a_kill_cut_off_is_passed_over(tmp_path: Path) -> None:
    first = log_in(tmp_path / "log")
    first.write("whole")
    first.write("half")
    await first.closed()
    file = tmp_path / "log" / "log"
    file.write_bytes(file.read_bytes()[:-9])

    second = log_in(tmp_path / "log")
    await second.open()
    second.write("next")

    assert texts(await second.tail(9)) == ["whole", "next"]


async def test_it_takes_no_more_than_its_limit(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log", limit=20_000)
    for number in range(2000):
        log.write(f"line {number}")
        if number % 50 == 0:
            await log.closed()
    await log.closed()

    assert sum(file.stat().st_size for file in (tmp_path / "log").iterdir()) <= 20_000 + 5_000
    lines = await log.tail(10_000)
    assert texts(lines[-1:]) == ["line 1999"]
    assert [line.number for line in lines] == [*range(lines[0].number, 2001)]
    assert len(lines) > 50


async def test_who_follows_gets_the_last_lines_and_then_those_that_come(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    log.write("one")
    log.write("two")
    async with aclosing(log.follow(1, 0)) as lines:
        assert texts(await taken(lines, 1)) == ["two"]
        log.write("three")
        log.write("four")

        assert texts(await taken(lines, 2)) == ["three", "four"]


async def test_who_comes_back_goes_on_after_a_number(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    for number in range(1, 2001):
        log.write(str(number))
        if number % 500 == 0:
            await log.closed()
    async with aclosing(log.follow(3, after=7)) as lines:
        found = await taken(lines, 1993)

    assert [line.number for line in found] == [*range(8, 2001)]


async def test_who_asks_for_no_lines_gets_only_new_ones(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    log.write("old")
    async with aclosing(log.follow(0, 0)) as lines:
        coming = asyncio.create_task(taken(lines, 1))
        await asyncio.sleep(0)  # it begins
        log.write("new")

        assert texts(await coming) == ["new"]


async def test_the_end_of_a_log_is_the_end_of_those_that_follow(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    log.write("last")
    async with aclosing(log.follow(9, 0)) as lines:
        await taken(lines, 1)
        await log.remove()

        assert [line async for line in lines] == []
    assert not (tmp_path / "log").exists()
    log.write("too late")
    assert await log.tail(9) == []


async def test_the_end_of_the_server_is_told(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    log.write("last")
    async with aclosing(log.follow(9, 0)) as lines:
        await taken(lines, 1)
        log.close()

        with pytest.raises(ServerStoppingError):
            await anext(lines)


async def test_lines_that_come_faster_than_the_disk_takes_them_are_counted(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    for number in range(10_000):
        log.write(str(number))

    lines = await log.tail(10_000)

    assert len(lines) == 4096 + 1
    assert lines[-1].text.startswith("5904 lines came faster")
    assert lines[-1].level == "warning"


async def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("no folder")
    log = log_in(tmp_path / "log")
    await log.open()
    log.write("lost")
    async with aclosing(log.follow(9, 0)) as lines:
        coming = asyncio.create_task(taken(lines, 1))
        await log.closed()
        log.write("seen by who follows")

        assert texts(await coming) == ["seen by who follows"]
    assert await log.tail(9) == []


async def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    log.write("a prompt")
    await log.closed()

    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "log" / "log").stat().st_mode & 0o777 == 0o600

"""Tries wrong passwords at an even pace, and tells how many, and how many of them were looked at;
`tools.bench.login` runs it as a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any

import aiohttp
import orjson


async def _try(url: str, seconds: float, a_minute: float, *, spread: bool) -> tuple[int, int]:
    """Tries passwords at an even pace; how many, and how many of them were looked at."""
    begun = monotonic()
    places = _places(spread=spread)
    statuses: list[int] = []
    running: set[asyncio.Task[None]] = set()
    async with AsyncExitStack() as ends:
        one = await ends.enter_async_context(_session(url, next(places)))
        for number in itertools.count():
            due = begun + number * 60 / a_minute
            if due - begun >= seconds:
                break
            await asyncio.sleep(max(0.0, due - monotonic()))
            place = next(places) if spread else ""
            attempt = asyncio.create_task(_attempt(one, url, place, number, statuses))
            running.add(attempt)
            attempt.add_done_callback(running.discard)
        await asyncio.gather(*running)
    return len(statuses), statuses.count(401)


async def _attempt(
    one: aiohttp.ClientSession, url: str, place: str, number: int, statuses: list[int]
) -> None:
    grant: dict[str, Any] = {"password": {"username": "admin", "password": f"wrong {number}"}}
    async with AsyncExitStack() as ends:
        http = await ends.enter_async_context(_session(url, place)) if place else one
        async with http.post("/funland/v1/auth/token", json=grant) as answer:
            statuses.append(answer.status)
            await answer.read()


def _session(url: str, place: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(local_addr=(place, 0)))


def _places(*, spread: bool) -> Iterator[str]:
    """Loopback addresses that are not the caller's: one, or each time another."""
    for number in itertools.count() if spread else itertools.repeat(0):
        yield f"127.9.{number // 250 % 250}.{1 + number % 250}"


def main() -> None:
    """Tries, and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("seconds", type=float)
    parser.add_argument("a_minute", type=float)
    parser.add_argument("--spread", action="store_true", help="each from another address")
    asked = parser.parse_args()
    tried = _try(asked.url, asked.seconds, asked.a_minute, spread=asked.spread)
    print(orjson.dumps(asyncio.run(tried)).decode())


if __name__ == "__main__":
    main()

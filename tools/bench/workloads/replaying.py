"""Makes a trace's calls when they are due, and notes what comes and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter

import aiohttp

from tools.bench.workloads.answers import pieces
from tools.bench.workloads.trace import Call, Conversation

_SILENT_SECONDS = 900
_OK = 200


@dataclass(slots=True)
class Record:
    """What a call brought, read when all are over. Times are of `perf_counter`."""

    group: str
    number: int
    """Of the conversation in its group."""
    turn: int
    start: float
    status: int = 0
    """HTTP's; 0: there was no answer."""
    chunks: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])
    end: float = 0
    left: bool = False
    """Whether its caller went before the end, as the trace says."""
    problem: str = ""
    """Why there is no whole answer."""


async def replay(
    url: str, conversations: Sequence[Conversation], at_once: Mapping[str, int]
) -> list[Record]:
    """Holds all conversations against a server, and gives the calls in the order of the trace.

    Of the groups in `at_once` so many conversations run at once. A call that fails ends its
    conversation, and is a record with its problem.
    """
    gates = {name: asyncio.Semaphore(count) for name, count in at_once.items()}
    async with _session(url) as session:
        begin = perf_counter()
        held = [
            _hold(session, one, begin + one.at, gates.get(one.group) or nullcontext())
            for one in conversations
        ]
        return [record for records in await asyncio.gather(*held) for record in records]


@asynccontextmanager
async def _session(url: str) -> AsyncGenerator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=None, sock_read=_SILENT_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:
        yield session


async def _hold(
    session: aiohttp.ClientSession,
    conversation: Conversation,
    at: float,
    gate: AbstractAsyncContextManager[None],
) -> list[Record]:
    records: list[Record] = []
    await asyncio.sleep(at - perf_counter())
    async with gate:
        for turn, call in enumerate(conversation.calls):
            await asyncio.sleep(call.pause)
            record = Record(conversation.group, conversation.number, turn, perf_counter())
            records.append(record)
            try:
                await _make(session, call, record)
            except (aiohttp.ClientError, TimeoutError) as error:
                record.problem = f"{type(error).__name__}: {error}"
            record.end = perf_counter()
            if record.problem:
                break
    return records


async def _make(session: aiohttp.ClientSession, call: Call, record: Record) -> None:
    headers = {"content-type": "application/json"}
    async with session.post(call.path, data=call.body, headers=headers) as response:
        record.status = response.status
        heard = 0
        # Read when it comes, and looked into after: a caller takes cores from what it measures.
        async for chunk in response.content.iter_any():
            record.chunks.append((perf_counter(), chunk))
            if call.leaves:
                heard += pieces(chunk)
                if heard >= call.leaves:
                    record.left = True
                    response.close()
                    return
        if response.status != _OK:
            said = b"".join(chunk for _, chunk in record.chunks)
            record.problem = f"{response.status} {said[:200].decode(errors='replace')}"

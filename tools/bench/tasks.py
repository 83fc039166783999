"""Holds the queue of tasks against bare SQL, on both databases: `make bench-tasks`."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import text

from funland.v1.inference_pb2 import ChatRequest, Message
from funland.v1.tasks_pb2 import Lane, SubmitTaskRequest, Task, Work
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.live import Live
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.tasks.claiming import Claimant
from funland_server.tasks.clock import Clock
from funland_server.tasks.kinds import Checked
from funland_server.tasks.rows import new_row
from funland_server.tasks.store import Limits, TaskStore
from funland_server.tasks.submitting import New
from tests import postgresql

_CALLERS: Final = 16
"""So many submit at once."""
_PLACES: Final = 8
"""So many are claimed at once, as `language_tasks` says."""

_BARE_TABLE: Final = (
    "CREATE TABLE bare (id BIGINT PRIMARY KEY, priority INT NOT NULL, state TEXT NOT NULL,"
    " owner TEXT, lease_until BIGINT, attempt INT NOT NULL, run_at BIGINT NOT NULL,"
    " work TEXT NOT NULL)",
    "CREATE INDEX bare_ready ON bare (priority DESC, id) WHERE state = 'QUEUED'",
    "CREATE INDEX bare_lease ON bare (lease_until) WHERE state = 'RUNNING'",
)
_BARE_INSERT: Final = text("INSERT INTO bare VALUES (:id, 0, 'QUEUED', NULL, NULL, 0, 0, :work)")
# With the work, since who claims it is to do it.
_BARE_CLAIM: Final = {
    "sqlite": text(
        "UPDATE bare SET state='RUNNING', owner='w', lease_until=:until, attempt=attempt+1"
        " WHERE id IN (SELECT id FROM bare WHERE state='QUEUED' AND run_at<=:now"
        " ORDER BY priority DESC, id LIMIT :n) RETURNING id, attempt, work"
    ),
    "postgresql": text(
        "WITH next AS MATERIALIZED (SELECT id FROM bare WHERE state='QUEUED' AND run_at<=:now"
        " ORDER BY priority DESC, id LIMIT :n FOR UPDATE SKIP LOCKED)"
        " UPDATE bare SET state='RUNNING', owner='w', lease_until=:until, attempt=attempt+1"
        " FROM next WHERE bare.id=next.id RETURNING bare.id, bare.attempt, bare.work"
    ),
}


async def measure(database: Database, count: int) -> dict[str, Any]:
    """Submits and claims so many tasks, with bare SQL and with the queue, by turns."""
    for statement in _BARE_TABLE:
        await database.write(_executing(text(statement)))
    store = TaskStore(database, Live(Limits(10 * count, 60.0)), Clock())
    await store.enter("bench", "home", [Task.CHAT])

    async def bare_submit(number: int) -> None:
        row = {"id": number, "work": "x" * 100}
        await database.write(_executing(_BARE_INSERT, row))

    async def submit(number: int) -> None:
        await store.add(new_task(number))

    rates: dict[str, list[float]] = {
        "bare_submit": [], "submit": [], "bare_claim": [], "claim": [],
    }  # fmt: skip
    claims: list[float] = []
    bare_claims: list[float] = []
    rounds = 4
    part = count // rounds // _PLACES * _PLACES
    for turn in range(rounds):
        numbers = range(turn * part, (turn + 1) * part)
        rates["bare_submit"].append(await _rate(bare_submit, numbers))
        rates["submit"].append(await _rate(submit, numbers))
    full = await store.fullness()
    for _ in range(rounds):
        rates["bare_claim"].append(await _claim_bare(database, part, bare_claims))
        rates["claim"].append(await _claim(store, part, claims))
    return {
        "waiting": full.waiting[Lane.LANGUAGE],
        **{name: round(statistics.median(of)) for name, of in rates.items()},
        "submit_ratio": round(_ratio(rates["submit"], rates["bare_submit"]), 2),
        "claim_ratio": round(_ratio(rates["claim"], rates["bare_claim"]), 2),
        "bare_claim_p99_ms": _percentile(bare_claims, 0.99),
        "claim_p50_ms": _percentile(claims, 0.5),
        "claim_p99_ms": _percentile(claims, 0.99),
    }


async def share(database: Database, count: int) -> dict[str, Any]:
    """Two claim one at a time what waits: whether one is claimed twice, and who got how many."""
    stores = [TaskStore(database, Live(Limits(10 * count, 60.0)), Clock()) for _ in range(2)]
    await asyncio.gather(*(stores[0].add(new_task(number)) for number in range(count)))
    got: dict[str, list[str]] = {"a": [], "b": []}

    async def take(store: TaskStore, name: str) -> None:
        claimant = Claimant(name, name, [Task.CHAT])
        while claimed := await store.claim(claimant, {Lane.LANGUAGE: 1}):
            got[name] += (one.row.task_id for one in claimed)

    await asyncio.gather(*(take(store, name) for store, name in zip(stores, got, strict=True)))
    times = Counter(got["a"] + got["b"])
    return {
        "shared": count,
        "claimed": len(times),
        "twice": sum(one > 1 for one in times.values()),
        "least_share": round(min(map(len, got.values())) / max(1, len(times)), 2),
    }


async def start_seconds(home: Path, url: str | None) -> float:
    """What a server takes to start."""
    secret = None if url is None else SecretStr(url)
    server = Server(ServerSettings(home=home, port=0, database_url=secret))
    begin = time.perf_counter()
    await server.start()
    took = time.perf_counter() - begin
    await server.stop(0)
    return took


def new_task(number: int) -> New:
    """A conversation of one of a hundred callers."""
    message = Message(role=Message.USER, content=f"Hello {number}! " + "x" * 80)
    work = Work(chat=ChatRequest(messages=[message]))
    request = SubmitTaskRequest(work=work, caller=f"caller {number % 100}")
    row = new_row(
        request, Checked(model="m"), task_id=f"task-{time.time_ns():x}-{number}",
        number=time.time_ns() // 1000, home_id="home", kind=Task.CHAT, lane=Lane.LANGUAGE,
    )  # fmt: skip
    return New(row, work)


def _executing(
    statement: Any, row: dict[str, Any] | None = None
) -> Callable[[AsyncConnection], Awaitable[None]]:
    async def execute(connection: AsyncConnection) -> None:
        await connection.execute(statement, row)

    return execute


async def _rate(work: Callable[[int], Awaitable[None]], numbers: range) -> float:
    """How many a second, `_CALLERS` at once."""
    left = iter(numbers)

    async def caller() -> None:
        for number in left:
            await work(number)

    begin = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(_CALLERS)))
    return len(numbers) / (time.perf_counter() - begin)


async def _claim_bare(database: Database, count: int, seconds: list[float]) -> float:
    statement = _BARE_CLAIM[database.dialect]

    async def take(connection: AsyncConnection) -> int:
        now = time.time_ns() // 1000
        row = {"n": _PLACES, "now": now, "until": now + 30_000_000}
        return len((await connection.execute(statement, row)).all())

    begin = time.perf_counter()
    done = 0
    while done < count:
        one = time.perf_counter()
        done += await database.write(take)
        seconds.append(time.perf_counter() - one)
    return done / (time.perf_counter() - begin)


async def _claim(store: TaskStore, count: int, seconds: list[float]) -> float:
    claimant = Claimant("bench", "home", [Task.CHAT])
    begin = time.perf_counter()
    done = 0
    while done < count:
        one = time.perf_counter()
        done += len(await store.claim(claimant, {Lane.LANGUAGE: _PLACES}))
        seconds.append(time.perf_counter() - one)
    return done / (time.perf_counter() - begin)


def _percentile(seconds: list[float], share: float) -> float:
    """In milliseconds."""
    return round(1e3 * sorted(seconds)[int(share * len(seconds))], 2)


def _ratio(ours: list[float], bare: list[float]) -> float:
    """The median of those of the rounds, each of which met the same machine."""
    return statistics.median(one / other for one, other in zip(ours, bare, strict=True))


async def bench(kind: str, count: int, folder: Path, stack: ExitStack) -> dict[str, Any]:
    """All of it on one kind of database."""
    urls: list[str | None] = [None, None]
    if kind == "postgresql":
        cluster = stack.enter_context(postgresql.cluster())
        urls = [cluster.database(), cluster.database()]
    homes = [folder / kind / name for name in ("full", "empty")]
    for home in homes:
        home.mkdir(parents=True)
    database = Database(urls[0] or homes[0] / "funland.sqlite3")
    await database.open()
    told = {"database": kind, "tasks": count, **await measure(database, count)}
    told |= await share(database, count)
    store = TaskStore(database, Live(Limits(10 * count, 60.0)), Clock())
    await asyncio.gather(*(store.add(new_task(number)) for number in range(count)))
    await database.close()
    for home, url in zip(homes, urls, strict=True):
        await start_seconds(home, url)  # the first makes what later ones find
    took = [
        [await start_seconds(home, url) for _ in range(3)]
        for home, url in zip(homes, urls, strict=True)
    ]
    full, empty = (statistics.median(each) for each in took)
    return told | {"start_full_s": round(full, 2), "start_empty_s": round(empty, 2)}


def main() -> None:
    """Reads the command line; prints JSON, a line for each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options = parser.parse_args()
    for kind in options.database or ["sqlite", "postgresql"]:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            told = asyncio.run(bench(kind, options.tasks, Path(folder), stack))
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()

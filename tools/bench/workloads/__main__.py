"""Replays what users do against Funland and its peers: `make bench-workloads`.

A round replays every workload against every server, one after the other, each started anew; each
round begins with another server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import orjson

from tools.bench.noise import Load, machine, wait_for_quiet
from tools.bench.workloads.comparing import likeness
from tools.bench.workloads.description import Workload
from tools.bench.workloads.measures import Taken, Texts, measured
from tools.bench.workloads.plan import Plan, read_plan
from tools.bench.workloads.plot import svg
from tools.bench.workloads.replaying import Record, replay
from tools.bench.workloads.report import Cell, ratios, text
from tools.bench.workloads.servers import OURS, Running, Server
from tools.bench.workloads.trace import CHAT, Call, Conversation, digest, trace
from tools.bench.workloads.watching import Watch


def main(words: Sequence[str] | None = None) -> int:
    """Runs it all, prints the tables and writes the files; 1 if calls failed."""
    plan = read_plan(words)
    plan.out.mkdir(parents=True, exist_ok=True)
    facts = machine()
    traces = {one.name: _trace(plan, one) for one in plan.workloads}
    cells = [
        cell
        for number in range(plan.rounds)
        for workload in plan.workloads
        for cell in _round(plan, number, workload, traces[workload.name])
    ]
    told = [
        f"shape {plan.shape}, scale {plan.scale:g}, {plan.rounds} rounds",
        " ".join(f"{name}={value}" for name, value in facts.items()),
        *(f"{one.name}: {one.title}; {digest(traces[one.name])[:16]}" for one in plan.workloads),
        *dict.fromkeys(f"{one.server}, {one.workload}: {one.settings}" for one in cells),
        "",
        text(cells),
    ]
    print("\n".join(told))
    _write(plan.out, cells, {"machine": facts, "scale": plan.scale, "text": "\n".join(told)})
    return int(any(cell.figures.problems for cell in cells))


def _trace(plan: Plan, workload: Workload) -> list[Conversation]:
    return trace(workload, plan.vocabulary, plan.model_names(workload))


def _round(
    plan: Plan, number: int, workload: Workload, conversations: Sequence[Conversation]
) -> list[Cell]:
    """One workload against every server."""
    first = number % len(plan.servers)
    texts: dict[str, Texts] = {}
    cells: list[Cell] = []
    for server in plan.servers[first:] + plan.servers[:first]:
        wait_for_quiet(plan.patience)
        cell, texts[server.name] = _replayed(plan, number, workload, server, conversations)
        # A run of an hour that is broken off has told what it knows.
        print(f"round {number + 1}: {text([cell])}", file=sys.stderr)
        cells.append(cell)
    if OURS not in texts or workload.models > 1:
        return cells
    return [
        cell if cell.server == OURS
        else replace(cell, likeness=likeness(texts[OURS], texts[cell.server]))
        for cell in cells
    ]  # fmt: skip


def _replayed(
    plan: Plan,
    number: int,
    workload: Workload,
    server: Server,
    conversations: Sequence[Conversation],
) -> tuple[Cell, Texts]:
    log = plan.out / f"{workload.name}-{server.name}.log"
    at_once = {group.name: group.at_once for group in workload.groups if group.at_once}
    with server.serve(workload, plan.files(workload), log) as running:
        asyncio.run(replay(running.url, _warming(conversations), {}))
        before = Load.now()
        records, taken = _watched(running, conversations, at_once)
        taken = replace(taken, others_cores=Load.now().others_since(before))
    figures, texts = measured(records, taken)
    return Cell(number, workload.name, server.name, running.settings, figures), texts


def _warming(conversations: Sequence[Conversation]) -> list[Conversation]:
    """A call as the trace's first, but about something else: what the first call of all must load
    is loaded then, and nothing of the trace is cached."""
    calls = (call for one in conversations for call in one.calls if call.path == CHAT)
    if (first := next(calls, None)) is None:
        return []
    body = orjson.loads(first.body)
    body["messages"] = [{"role": "user", "content": "ba"}]
    return [Conversation("warming", 0, 0, (Call(CHAT, orjson.dumps(body)),))]


def _watched(
    running: Running, conversations: Sequence[Conversation], at_once: dict[str, int]
) -> tuple[list[Record], Taken]:
    if running.pid is None:
        return asyncio.run(replay(running.url, conversations, at_once)), Taken()
    with Watch(running.pid) as watch:
        records = asyncio.run(replay(running.url, conversations, at_once))
    return records, Taken(watch.processor_seconds, watch.peak_bytes / 1e6)


def _write(folder: Path, cells: Sequence[Cell], rest: dict[str, object]) -> None:
    document = {
        **rest,
        "cells": [asdict(cell) for cell in cells],
        "ratios": [
            {
                "workload": one.demand.workload, "figure": one.demand.name, "server": one.server,
                "value": one.value, "lowest": one.lowest, "highest": one.highest,
                "demanded": one.demand.least, "met": one.met,
            }
            for one in ratios(cells)
        ],
    }  # fmt: skip
    (folder / "workloads.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    (folder / "workloads.svg").write_text(svg(cells), encoding="utf-8")
    print(f"written: {folder / 'workloads.json'} and workloads.svg", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

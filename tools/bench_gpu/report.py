"""Joins what all stages came to into one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from tools.bench_gpu.stages import Outcome


def report(out: Path, outcomes: Sequence[Outcome]) -> str:
    """The page, in Markdown: of stages that did not end well their last words."""
    return "\n".join(_lines(out, outcomes)) + "\n"


def _lines(out: Path, outcomes: Sequence[Outcome]) -> Iterator[str]:
    devices = read(out / "devices.json")
    yield "# What a device did"
    yield ""
    chosen = devices.get("chosen") or "none: the CPU was measured"
    yield f"Device: {chosen}{_called(devices)}"
    yield ""
    yield "| stage | seconds | |"
    yield "|---|---|---|"
    for outcome in outcomes:
        yield f"| {outcome.stage.name} | {outcome.seconds:.0f} | {outcome.told} |"
    yield ""
    for recommendation in devices.get("recommendations", []):
        yield f"- {recommendation['device_id']}: {recommendation['reason']}"
    yield from map(_compared, read(out / "greedy.json").get("comparisons", []))
    if text := read(out / "bench.json").get("text"):
        yield from ("", "```text", text, "```")
    for outcome in outcomes:
        if outcome.code != 0:
            yield from ("", f"## {outcome.stage.name} {outcome.told}", "")
            yield from ("```text", outcome.last_lines(), "```")


def read(path: Path) -> dict[str, Any]:
    """A JSON object in a file; an empty one if its stage did not come to write it."""
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}


def _called(devices: dict[str, Any]) -> str:
    name = devices.get("llama_cpp")
    return f", {name} of llama.cpp" if name else ""


def _compared(found: dict[str, Any]) -> str:
    told = f"- {found['name']}: {found['equal']} of {found['texts']} greedy texts equal"
    differ = found["first_differences"]
    return f"{told}, others from token {differ[0]} on" if differ else told

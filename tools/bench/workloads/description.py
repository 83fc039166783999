"""Reads what a workload is, from a TOML file: who comes, when, and what they ask."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

TRACES = Path(__file__).with_name("traces")
_FEWEST = 2


def _both_ends(value: object) -> object:
    return [value, value] if isinstance(value, int | float) else value


Span = Annotated[tuple[float, float], BeforeValidator(_both_ends)]
"""Between which two numbers, both included, a trace draws one; in a file one number is both."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Documents(_Table):
    """Texts that several calls ask about."""

    count: int = Field(ge=1)
    tokens: int = Field(ge=1)


class Rewriting(_Table):
    """A step back: each so many turns the latest ones are there again in other words."""

    every: int = Field(ge=2)
    turns: int = Field(ge=1)


class Leaving(_Table):
    """Each so many callers are gone after some pieces of their answer."""

    every: int = Field(ge=1)
    pieces: Span


class Group(_Table):
    """Conversations of one kind. All lengths are in tokens, all times in seconds."""

    name: str
    kind: Literal["chat", "embedding"] = "chat"
    count: int = Field(ge=1)
    """How many conversations."""
    begin: float = 0
    over: float = 0
    """They begin evenly over so long."""
    at_once: int = 0
    """So many run at once, and the next begins when one ends; 0: all that have come."""
    turns: int = Field(default=1, ge=1)
    pause: Span = (0, 0)
    """From an answer's end to the next message."""
    system: int = 0
    """The length of the system message that all of them have; 0: none."""
    message: Span
    answer: int = 1
    documents: Documents | None = None
    """The text that a message is about: before the question in one half, after it in the other."""
    rewriting: Rewriting | None = None
    leaving: Leaving | None = None
    answer_schema: Mapping[str, Any] | None = None
    """JSON Schema of the answers, which then end by it."""
    models: tuple[int, ...] = (0,)
    """By number: the conversations take them in turns."""
    shrinks: Literal["lengths", "count"] = "lengths"
    """What a short version has less of."""


class Workload(_Table):
    """A trace's description."""

    name: str
    title: str
    seed: int
    slots: int = Field(ge=1)
    """How many texts a server is to answer at once, where it must be told."""
    context: int = Field(ge=64)
    """How many tokens the longest text has."""
    models: int = Field(default=1, ge=1)
    """How many models there are."""
    held: int = 0
    """How many of them memory holds; 0: all."""
    groups: tuple[Group, ...] = Field(min_length=1)


def names() -> list[str]:
    """The workloads that there are."""
    return sorted(path.stem for path in TRACES.glob("*.toml"))


def read(path: Path) -> Workload:
    """The workload that a file describes; its name is the file's.

    Raises:
        ValueError: The file has something unknown or wrong; the message says where.
    """
    return Workload(name=path.stem, **tomllib.loads(path.read_text(encoding="utf-8")))


def scaled(workload: Workload, scale: float) -> Workload:
    """A version with so much of the lengths, or of the conversations, and of all times."""
    groups = tuple(_scaled(group, scale) for group in workload.groups)
    return workload.model_copy(update={"groups": groups})


def _scaled(group: Group, scale: float) -> Group:
    def less(length: float) -> int:
        return max(_FEWEST, round(length * scale)) if length else 0

    def span(one: Span) -> Span:
        return less(one[0]), less(one[1])

    changed: dict[str, Any] = {
        "begin": group.begin * scale,
        "over": group.over * scale,
        "pause": (group.pause[0] * scale, group.pause[1] * scale),
    }
    if group.shrinks == "count":
        return group.model_copy(update={**changed, "count": less(group.count)})
    changed |= {
        "system": less(group.system),
        "message": span(group.message),
        # One by a schema is as long as that says, and cut off it would be none.
        "answer": group.answer if group.answer_schema else less(group.answer),
    }
    if group.documents is not None:
        tokens = {"tokens": less(group.documents.tokens)}
        changed["documents"] = group.documents.model_copy(update=tokens)
    if group.leaving is not None:
        pieces = {"pieces": span(group.leaving.pieces)}
        changed["leaving"] = group.leaving.model_copy(update=pieces)
    return group.model_copy(update=changed)

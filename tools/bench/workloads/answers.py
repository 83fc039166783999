"""Reads what calls brought: texts, when they came, and what the server says that it computed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

_PIECE = re.compile(rb'"content":\s*"[^"]')
_TEXTS = ("content", "reasoning_content")


@dataclass(slots=True)
class Answer:
    """A whole answer, or as much as its caller stayed for."""

    arrivals: list[float] = field(default_factory=list[float])
    """When its pieces of text came; of vectors when they came."""
    text: str = ""
    finish: str = ""
    """Why it ended, in OpenAI's words; empty: it did not."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    made_tokens: int = 0
    drafted_tokens: int = 0
    problem: str = ""


def pieces(chunk: bytes) -> int:
    """About how many pieces of text a part of a stream has: those whose line is whole in it."""
    return len(_PIECE.findall(chunk))


def read(chunks: Sequence[tuple[float, bytes]]) -> Answer:
    """The answer in the parts of an HTTP body: a stream of events, or one JSON text."""
    answer = Answer()
    if chunks and chunks[0][1].startswith(b"{"):
        _take(answer, orjson.loads(b"".join(data for _, data in chunks)), chunks[-1][0])
        return answer
    for at, line in _lines(chunks):
        if line.startswith(b"data: {"):
            _take(answer, orjson.loads(line.removeprefix(b"data: ")), at)
    return answer


def _take(answer: Answer, event: dict[str, Any], at: float) -> None:
    if problem := event.get("error"):
        answer.problem = str(problem)
    for choice in event.get("choices", []):
        delta: dict[str, Any] = choice.get("delta") or choice.get("message") or {}
        if text := "".join(delta.get(name) or "" for name in _TEXTS):
            answer.text += text
            answer.arrivals.append(at)
        answer.finish = choice.get("finish_reason") or answer.finish
    if event.get("object") == "list":  # of vectors
        answer.arrivals.append(at)
        answer.finish = "stop"
    if usage := event.get("usage"):
        answer.prompt_tokens = usage["prompt_tokens"]
        answer.made_tokens = usage.get("completion_tokens", 0)
        details: dict[str, Any] = usage.get("prompt_tokens_details") or {}
        answer.cached_tokens = details.get("cached_tokens") or 0
    if timings := event.get("timings"):  # llama-server's words, and ours
        answer.cached_tokens = timings.get("cache_n", answer.cached_tokens)
        answer.drafted_tokens = timings.get("draft_n", 0)


def _lines(chunks: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Whole lines, and when their end came."""
    pending = b""
    for at, data in chunks:
        *whole, pending = (pending + data).split(b"\n")
        yield from ((at, line) for line in whole)

"""Writes answers as they come: text and thoughts for people, a line for each event for programs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from funland.v1.inference_pb2 import Loading, TokenLogprob, ToolStep
from funland_cli.documents import document
from funland_cli.output import Output, size
from funland_client import MessageStream, TextStream

_SHOWN: Final = 200
"""Characters of a call's arguments, and of its result."""


def write(stream: TextStream | MessageStream, output: Output) -> None:
    """Writes an answer; several come one below the other when all are complete."""
    if output.as_json:
        for event in stream.events():
            output.event(document(event))
        return
    try:
        _follow(stream, output)
    finally:
        output.waited()
    if len(stream.texts) > 1:
        for number, text in enumerate(stream.texts, 1):
            output.line(f"[{number}]", "dim")
            _end(text.text, output, whole=True)
    else:
        _end(stream.text, output, whole=False)
    for text in stream.texts:
        if text.logprobs:
            output.table(("TOKEN", ">PROBABILITY", "LIKELIEST"), _likely(text.logprobs))


def _follow(stream: TextStream | MessageStream, output: Output) -> None:
    """Reads the answer to its end; writes it on the way if it is the only one."""
    output.wait("Waiting for the model")
    thinking = False
    for event in stream.events():
        if event.HasField("loading"):
            output.wait(_loading(event.loading))
        if event.HasField("queued"):
            output.wait(f"Waiting in the queue, at place {event.queued.position}")
        if event.HasField("prefill"):
            share = event.prefill.done * 100 // event.prefill.total
            output.wait(f"Reading the prompt, {share}% of {event.prefill.total} tokens")
        if event.HasField("tool_step"):
            output.waited()
            output.thought(_step(event.tool_step))
            thinking = False
        if not event.HasField("delta"):
            continue
        output.waited()
        if len(stream.texts) > 1:
            continue
        if event.delta.reasoning:
            thinking = True
            output.thought(event.delta.reasoning)
        if event.delta.text:
            if thinking:
                output.thought("\n")
                thinking = False
            output.piece(event.delta.text)


def _step(step: ToolStep) -> str:
    """A call that the server makes, and what came of it: a line each."""
    if step.state == ToolStep.CALLING:
        return f"\n{step.server}: {step.call.name} {step.call.arguments[:_SHOWN]}\n"
    lines = step.text.splitlines() or [""]
    return f"  {lines[0][:_SHOWN]}{' ...' if len(lines) > 1 else ''}\n"


def _loading(loading: Loading) -> str:
    """How far the load is that an answer waits for, as far as that is known."""
    if loading.waiting_for:
        return f"Waiting to load {loading.model}: {loading.waiting_for}"
    if loading.stage == Loading.PREPARING:
        return f"Preparing {loading.model}"
    if not loading.HasField("fraction"):
        return f"Loading {loading.model}, {size(loading.total_bytes)}"
    return f"Loading {loading.model}, {loading.fraction:.0%} of {size(loading.total_bytes)}"


def _end(text: str, output: Output, *, whole: bool) -> None:
    """Ends an answer with a line's end; writes all of it before if it was not yet."""
    if whole:
        output.piece(text)
    if not text.endswith("\n"):
        output.piece("\n")


def _likely(tokens: list[TokenLogprob]) -> Iterator[tuple[str, str, str]]:
    for token in tokens:
        others = ", ".join(f"{shown_piece(other.token)} {_percent(other)}" for other in token.top)
        yield shown_piece(token.token), _percent(token), others


def shown_piece(piece: bytes) -> str:
    """A token's text in quotes: a blank or half a character would not be seen."""
    return repr(piece.decode(errors="backslashreplace"))


def _percent(token: TokenLogprob) -> str:
    return f"{math.exp(token.logprob) * 100:.1f}%"

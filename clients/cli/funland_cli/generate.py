"""`funland generate`: continues a text."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from funland_cli import options
from funland_cli.documents import document
from funland_cli.output import Output
from funland_client import TextStream

EPILOG = """\b
Examples:
  funland generate "Once upon a time" --max-tokens 100
  funland generate - < story.txt
"""


def generate(
    context: typer.Context,
    *,
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="The text to continue; - reads it from a pipe.")
    ],
    model: options.Model = "",
    temperature: options.Temperature = None,
    max_tokens: options.MaxTokens = None,
    top_p: options.TopP = None,
    top_k: options.TopK = None,
    min_p: options.MinP = None,
    seed: options.Seed = None,
    stop: options.Stop = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Continue a text as it is, without a chat template."""
    session = options.session(context, server, as_json)
    sampling = options.sampling(
        temperature=temperature,
        max_tokens=max_tokens,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        seed=seed,
        stop=stop,
    )
    if prompt == "-":
        prompt = sys.stdin.read()
    with (
        session.client() as client,
        client.stream_generate(prompt, model, **sampling) as stream,
    ):
        write(stream, session.output)


def write(stream: TextStream, output: Output) -> None:
    """Writes an answer as it comes: its text, or with `--json` a line for each event."""
    if output.as_json:
        _write_events(stream, output)
        return
    for text in stream:
        output.piece(text)
    if not stream.text.endswith("\n"):
        output.piece("\n")


def _write_events(stream: TextStream, output: Output) -> None:
    started = False
    for text in stream:
        if not started:
            output.event(_start(stream))
            started = True
        output.event({"delta": {"text": text}})
    if not started:
        output.event(_start(stream))
    output.event({"finish": document(stream.finish)})


def _start(stream: TextStream) -> dict[str, Any]:
    return {"start": {"id": stream.id, "model": stream.model}}

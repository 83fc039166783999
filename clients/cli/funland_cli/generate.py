"""`funland generate`: continues a text."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from funland_cli import options
from funland_cli.answers import write
from funland_cli.tasks import leave

EPILOG = """\b
Examples:
  funland generate "Once upon a time" --max-tokens 100
  funland generate - < story.txt
  funland generate "def area(r):" --suffix "    return a" --max-tokens 50
  funland generate "Rome was founded in " --regex "[0-9]{3} BC"
"""


def generate(
    context: typer.Context,
    *,
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="The text to continue; - reads it from a pipe.")
    ],
    model: options.Model = "",
    suffix: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="What comes after the text to write: the model fills in what is between, as models"
            " of code can.",
        ),
    ] = "",
    temperature: options.Temperature = None,
    max_tokens: options.MaxTokens = None,
    top_p: options.TopP = None,
    top_k: options.TopK = None,
    min_p: options.MinP = None,
    seed: options.Seed = None,
    stop: options.Stop = None,
    json_schema: options.JsonSchema = None,
    grammar: options.GrammarFile = None,
    regex: options.RegexText = None,
    n: options.N = None,
    logprobs: options.Logprobs = None,
    adapter: options.Adapter = None,
    priority: options.Priority = None,
    detach: options.Detach = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Continue a text as it is, or fill in what is between two."""
    session = options.session(context, server, as_json)
    arguments = options.arguments(
        temperature=temperature,
        max_tokens=max_tokens,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        seed=seed,
        stop=stop,
        n=n,
        top_logprobs=logprobs,
        adapter=adapter,
        priority=priority,
        progress=None if session.output.as_json or detach else True,
    )
    wanted = options.text_format(json_schema, grammar, regex)
    if prompt == "-":
        prompt = sys.stdin.read()
    if detach:
        with session.client() as client:
            task = client.tasks.submit_generate(
                prompt, model, format=wanted, suffix=suffix, **arguments
            )
        leave(session, task)
        return
    with (
        session.client() as client,
        client.stream_generate(prompt, model, format=wanted, suffix=suffix, **arguments) as stream,
    ):
        write(stream, session.output)

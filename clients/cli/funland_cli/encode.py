"""`funland embed`, `rerank` and `tokenize`: what a model makes of texts without writing any."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from funland_cli import options
from funland_cli.answers import shown_piece
from funland_cli.documents import document

EMBED_EPILOG = """\b
Examples:
  funland embed "a cat" "a ship"
  funland embed --dimensions 64 < sentences.txt
"""
RERANK_EPILOG = """\b
Examples:
  funland rerank "Where do foxes live?" "In a forest." "On the sea."
  funland rerank "Where do foxes live?" --top 3 < sentences.txt
"""


def embed(
    context: typer.Context,
    *,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="The texts, or a pipe's lines.")
    ] = None,
    model: options.Model = "",
    dimensions: Annotated[
        int | None, typer.Option(metavar="N", help="Keep the first N numbers.")
    ] = None,
    pooling: Annotated[
        Literal["mean", "cls", "last"] | None,
        typer.Option(help="How the tokens' vectors become one.  [default: as the model says]"),
    ] = None,
    normalize: Annotated[
        bool, typer.Option("--normalize/--no-normalize", help="Make each vector's length 1.")
    ] = True,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Turn texts into vectors, one line of JSON for each."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        response = client.embed(
            _texts(texts), model, dimensions=dimensions, pooling=pooling, normalize=normalize
        )
    if session.output.as_json:
        session.output.document(document(response))
        return
    for embedding in response.embeddings:
        session.output.piece(json.dumps([round(value, 7) for value in embedding.values]) + "\n")


def rerank(
    context: typer.Context,
    *,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What is asked.")],
    documents: Annotated[
        list[str] | None,
        typer.Argument(metavar="DOCUMENT...", help="The texts to order, or a pipe's lines."),
    ] = None,
    model: options.Model = "",
    top: Annotated[int, typer.Option(metavar="N", help="Show the N best; 0: all.")] = 0,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Order documents by how well they answer a query, the best first."""
    session = options.session(context, server, as_json)
    given = _texts(documents)
    with session.client() as client:
        response = client.rerank(query, given, model, top_n=top)
    if session.output.as_json:
        session.output.document(document(response))
        return
    session.output.table(
        (">SCORE", "DOCUMENT"),
        ((f"{result.score:.4f}", given[result.index]) for result in response.results),
    )


def tokenize(
    context: typer.Context,
    *,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text; - reads it from a pipe.")],
    model: options.Model = "",
    special: Annotated[
        bool, typer.Option("--special", help="Read marks such as <|im_start|> as what they name.")
    ] = False,
    pieces: Annotated[
        bool, typer.Option("--pieces", help="Show what each token is written as.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Turn a text into the model's tokens."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        told = client.pieces(
            sys.stdin.read() if text == "-" else text, model, parse_special=special
        )
    if session.output.as_json:
        written: dict[str, Any] = {"tokens": [token for token, _ in told]}
        if pieces:  # as the REST API has bytes
            written["pieces"] = [b64encode(piece).decode() for _, piece in told]
        session.output.document(written)
    elif pieces:
        rows = ((str(token), shown_piece(piece)) for token, piece in told)
        session.output.table((">TOKEN", "PIECE"), rows)
    else:
        session.output.line(" ".join(str(token) for token, _ in told))


def _texts(given: Sequence[str] | None) -> Sequence[str]:
    return given or [line for line in sys.stdin.read().splitlines() if line]

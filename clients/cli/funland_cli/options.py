"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from funland_cli.output import Output
from funland_client import Funland, Sampling
from funland_client.connection import ADDRESS_VARIABLE, DEFAULT_ADDRESS, default_address

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help=f"The server to call.  [default: ${ADDRESS_VARIABLE} or {DEFAULT_ADDRESS}]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]

Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", metavar="MODEL", help="The model's id or alias.  [default: the server's]"
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(metavar="0-2", help="How freely to choose words; 0 always says the same."),
]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="TOKENS", help="How long the answer may become.")
]
TopP = Annotated[
    float | None,
    typer.Option(metavar="0-1", help="Choose among the likeliest words of this share."),
]
TopK = Annotated[
    int | None, typer.Option(metavar="N", help="Choose among the N likeliest words; 0: all.")
]
MinP = Annotated[
    float | None,
    typer.Option(metavar="0-1", help="Leave out words less likely than this share of the best."),
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="The same seed gives the same answer.")]
Stop = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="End before this text; may be given again."),
]


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """What was said before the subcommand."""

    server: str | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """Where a command's calls go and how it speaks."""

    address: str
    output: Output

    def client(self) -> Funland:
        """Opens a client of the server."""
        return Funland(self.address)


def session(context: typer.Context, server: str | None, as_json: bool) -> Session:
    """Joins a command's own options with those before it; the command's own win."""
    before = context.find_object(GlobalOptions) or GlobalOptions()
    address = server or before.server or default_address()
    return Session(address, Output(as_json or before.as_json))


def sampling(
    *,
    temperature: float | None,
    max_tokens: int | None,
    top_p: float | None,
    top_k: int | None,
    min_p: float | None,
    seed: int | None,
    stop: Sequence[str] | None,
) -> Sampling:
    """Makes sampling parameters of the options that were given."""
    given = Sampling()
    if temperature is not None:
        given["temperature"] = temperature
    if max_tokens is not None:
        given["max_tokens"] = max_tokens
    if top_p is not None:
        given["top_p"] = top_p
    if top_k is not None:
        given["top_k"] = top_k
    if min_p is not None:
        given["min_p"] = min_p
    if seed is not None:
        given["seed"] = seed
    if stop:
        given["stop"] = stop
    return given
